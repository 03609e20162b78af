/// How text in pictures is recognised, by Tesseract.
package struct OCRSettings: Hashable, Sendable {
  /// Tesseract's languages, such as `eng`, the main one first; none switches recognition off.
  package var languages: [String] = []
  /// The most pages of a PDF without a text layer.
  package var maximumPages = 200
  /// How long rendering a page, and recognising it, may take each; a full page of print takes some 2 to 10 seconds.
  package var maximumPageTime = Duration.seconds(60)
  /// How long all pages of a file may take.
  package var maximumTime = Duration.seconds(1_800)
  /// The most bytes of address space that each of the programs may have.
  package var maximumMemory = 1_024 * 1024 * 1024

  /// The defaults: off.
  package init() {}

  /// Whether text is recognised.
  package var isOn: Bool { !languages.isEmpty }
}
