extension UInt8 {
  /// The lower-case hexadecimal digit, in ASCII, of a number below 16.
  package init(hexadecimalDigit value: UInt8) {
    self = value < 10 ? UInt8(ascii: "0") + value : UInt8(ascii: "a") + value - 10
  }
}
