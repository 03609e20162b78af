import ArgumentParser
import Embeddings
import Foundation
import Logging
import PostgresStorage
import Settings
import TextExtraction

/// `opentier doctor`.
struct DoctorCommand: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "doctor", abstract: "Tell what this build and this machine can do, and what is missing.")

  @OptionGroup var common: CommonOptions

  /// One thing looked at.
  private struct Finding {
    let name: String
    let isWell: Bool
    let detail: String
  }

  /// The formats that take more than this program.
  private func extraction() -> [Finding] {
    func builtIn(_ name: String, _ isThere: Bool, by library: String, packages: String) -> Finding {
      Finding(
        name: "\(name) extraction", isWell: isThere,
        detail: isThere ? "built in (\(library))" : "not built in: install \(packages) and build with make")
    }
    return [
      builtIn("HTML", StandardTextExtractor.readsHTML, by: "libgumbo", packages: "libgumbo-dev"),
      builtIn("DOCX", StandardTextExtractor.readsDOCX, by: "libzip, libxml2", packages: "libzip-dev and libxml2-dev"),
      Finding(
        name: "PDF extraction", isWell: StandardTextExtractor.readsPDF,
        detail: StandardTextExtractor.readsPDF
          ? "pdftotext is installed" : "not there: install poppler-utils (and util-linux)"),
    ]
  }

  /// Whether the text of scanned pages and pictures is recognised.
  private func recognition(_ configuration: ServerConfiguration) async -> Finding {
    let settings = OCRSettings(configuration.extraction.ocr)
    guard settings.isOn else {
      return Finding(name: "OCR", isWell: true, detail: "off; extraction.ocr.languages switches it on")
    }
    let fault = await StandardTextExtractor.ocrFault(settings)
    return Finding(
      name: "OCR", isWell: fault == nil,
      detail: fault ?? "on (tesseract, pdftoppm), languages: \(settings.languages.joined(separator: ", "))")
  }

  func run() async throws {
    let configuration = try common.configuration()
    var findings = [Finding(name: "version", isWell: true, detail: Version.current)]
    findings += extraction()
    findings.append(await recognition(configuration))
    findings.append(model(configuration))
    switch configuration.profile {
    case .production: findings += await database(configuration)
    case .offline: findings.append(data(configuration))
    case .memory: break
    }
    if common.json {
      let items = findings.map {
        JSONText.object(raw: [
          ("name", JSONText.quoted($0.name)), ("ok", "\($0.isWell)"), ("detail", JSONText.quoted($0.detail)),
        ])
      }
      terminal.line("[" + items.joined(separator: ",\n") + "]")
    } else {
      for finding in findings {
        let name = finding.name.padding(toLength: 16, withPad: " ", startingAt: 0)
        terminal.line("\(finding.isWell ? "ok  " : "--  ")\(name)  \(finding.detail)")
      }
    }
  }

  private func model(_ configuration: ServerConfiguration) -> Finding {
    let path = configuration.embedding.modelDirectory
    do {
      try ModelFiles.verify(URL(filePath: path, directoryHint: .isDirectory))
      return Finding(name: "embedding model", isWell: true, detail: "all-MiniLM-L6-v2 in \(path), checksums right")
    } catch {
      return Finding(name: "embedding model", isWell: false, detail: "\(error); run: opentier models fetch")
    }
  }

  /// What is to be said of PostgreSQL, in the order in which one would mend it.
  private func database(_ configuration: ServerConfiguration) async -> [Finding] {
    do {
      let pool = try PostgresOpening(configuration, logger: Logger(label: "doctor")).pool()
      let migrationURL = try PostgresOpening.migrationURL(configuration)
      return await PostgresExamination.findings(application: pool, migrationURL: migrationURL).map {
        Finding(name: $0.name, isWell: $0.isWell, detail: $0.detail)
      }
    } catch {
      return [Finding(name: "database", isWell: false, detail: "\(error)")]
    }
  }

  private func data(_ configuration: ServerConfiguration) -> Finding {
    let path = configuration.dataDirectory
    let isThere = FileManager.default.fileExists(atPath: path)
    let isWritable = FileManager.default.isWritableFile(atPath: path)
    return Finding(
      name: "data folder", isWell: !isThere || isWritable,
      detail: !isThere ? "\(path), made at the first start" : isWritable ? path : "\(path) cannot be written")
  }
}
