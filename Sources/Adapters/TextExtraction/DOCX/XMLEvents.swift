#if DOCX
import Application
import CXML

/// Reads XML from its start to its end, by libxml2's streaming reader.
enum XMLEvents {
  /// What comes, one after the other. Names are without their prefixes.
  enum Event {
    /// An element begins. `value` is its attribute `val`, and `styleID` the one of that name.
    case start(String, value: String?, styleID: String?)
    /// An element ends.
    case end(String)
    case text(String)
  }

  private static let isReady: Void = xmlInitParser()

  /// Calls `body` with each event.
  ///
  /// - Parameter name: what the document is called in messages.
  /// - Throws: `.invalid` for what is not well-formed, nests deeper than 256 levels or has a document type definition,
  ///   `.cancelled`, or what `body` throws.
  static func read(
    _ bytes: [UInt8], name: String, _ body: (Event) throws(ExtractionFailure) -> Void
  ) throws(ExtractionFailure) {
    _ = isReady
    let result = bytes.withUnsafeBytes { buffer -> Result<Void, ExtractionFailure> in
      let start = buffer.bindMemory(to: CChar.self).baseAddress
      guard
        let reader = xmlReaderForMemory(start, CInt(clamping: buffer.count), nil, nil, opentier_xml_options)
      else { return .failure(.invalid("\(name) in the file cannot be read")) }
      defer { xmlFreeTextReader(reader) }
      return Result { () throws(ExtractionFailure) in try read(reader, name: name, body) }
    }
    try result.get()
  }

  private static func read(
    _ reader: xmlTextReaderPtr, name: String, _ body: (Event) throws(ExtractionFailure) -> Void
  ) throws(ExtractionFailure) {
    var count = 0
    while true {
      let outcome = xmlTextReaderRead(reader)
      guard outcome >= 0 else { throw .invalid("\(name) in the file is not well-formed XML") }
      guard outcome > 0 else { return }
      count += 1
      if count.isMultiple(of: 4_096) { try checkCancellation() }
      switch xmlReaderTypes(rawValue: UInt32(bitPattern: xmlTextReaderNodeType(reader))) {
      case XML_READER_TYPE_ELEMENT:
        let isEmpty = xmlTextReaderIsEmptyElement(reader) == 1
        let element = string(xmlTextReaderConstLocalName(reader))
        var (value, styleID): (String?, String?)
        while xmlTextReaderMoveToNextAttribute(reader) == 1 {
          switch string(xmlTextReaderConstLocalName(reader)) {
          case "val": value = string(xmlTextReaderConstValue(reader))
          case "styleId": styleID = string(xmlTextReaderConstValue(reader))
          default: break
          }
        }
        try body(.start(element, value: value, styleID: styleID))
        if isEmpty { try body(.end(element)) }
      case XML_READER_TYPE_END_ELEMENT: try body(.end(string(xmlTextReaderConstLocalName(reader))))
      case XML_READER_TYPE_TEXT, XML_READER_TYPE_CDATA, XML_READER_TYPE_SIGNIFICANT_WHITESPACE:
        try body(.text(string(xmlTextReaderConstValue(reader))))
      case XML_READER_TYPE_DOCUMENT_TYPE, XML_READER_TYPE_ENTITY_REFERENCE, XML_READER_TYPE_ENTITY:
        throw .invalid("\(name) in the file has a document type definition, which no word processor writes")
      default: break
      }
    }
  }

  private static func string(_ text: UnsafePointer<xmlChar>?) -> String { text.map { String(cString: $0) } ?? "" }
}
#endif
