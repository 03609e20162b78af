import Settings
import TextExtraction

extension StandardTextExtractor {
  /// Reads submissions within what the configuration allows.
  init(_ configuration: ServerConfiguration) {
    let settings = configuration.extraction
    var limits = ExtractionLimits()
    // What may be submitted may be read; the limits on text and structure hold beyond that.
    limits.maximumPayloadBytes = max(configuration.limits.uploadBody, configuration.limits.submissionBody)
    limits.maximumTextBytes = settings.maximumText
    limits.maximumPages = settings.maximumPages
    limits.maximumInflatedBytes = settings.maximumUnpacked
    limits.maximumHTMLDepth = settings.maximumHTMLDepth
    limits.maximumHTMLNodes = settings.maximumHTMLNodes
    limits.maximumHTMLMemory = settings.htmlMemory
    limits.maximumHTMLTime = settings.htmlTime
    limits.maximumPDFMemory = settings.pdfMemory
    limits.maximumPDFTime = settings.pdfTime
    limits.maximumEmailParts = settings.maximumEmailParts
    limits.maximumEmailDepth = settings.maximumEmailDepth
    self.init(limits: limits, ocr: OCRSettings(settings.ocr))
  }
}

extension OCRSettings {
  /// What the configuration says of it.
  init(_ settings: ServerConfiguration.OCR) {
    self.init()
    languages = settings.languages
    maximumPages = settings.maximumPages
    maximumPageTime = settings.pageTime
    maximumTime = settings.time
    maximumMemory = settings.memory
  }
}
