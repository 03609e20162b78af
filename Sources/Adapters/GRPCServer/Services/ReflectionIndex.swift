import SwiftProtobuf

/// The files behind the services that are served, by name and by what they declare.
struct ReflectionIndex: Sendable {
  /// The names of the services, sorted.
  let services: [String]
  private var files: [String: Google_Protobuf_FileDescriptorProto] = [:]
  private var fileBySymbol: [String: String] = [:]

  /// Takes the files that declare the services, and what they import; others are not told of.
  init(services: [String], in all: [Google_Protobuf_FileDescriptorProto]) {
    self.services = services.sorted()
    let byName = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }
    var waiting = all.filter { file in
      file.service.contains { services.contains(file.package + "." + $0.name) }
    }
    while let file = waiting.popLast() {
      guard files.updateValue(file, forKey: file.name) == nil else { continue }
      waiting += file.dependency.compactMap { byName[$0] }
      for symbol in file.symbols { fileBySymbol[symbol] = file.name }
    }
  }

  /// A file, and all that it imports behind it.
  func file(named name: String) -> [Google_Protobuf_FileDescriptorProto]? {
    guard files[name] != nil else { return nil }
    var found: [Google_Protobuf_FileDescriptorProto] = []
    var names = [name]
    while let name = names.popLast() {
      guard let file = files[name], !found.contains(where: { $0.name == name }) else { continue }
      found.append(file)
      names += file.dependency.reversed()
    }
    return found
  }

  /// The file that declares something, and all that it imports behind it.
  func file(declaring symbol: String) -> [Google_Protobuf_FileDescriptorProto]? {
    fileBySymbol[symbol].flatMap(file(named:))
  }

  /// Whether a message is declared.
  func declares(_ symbol: String) -> Bool { fileBySymbol[symbol] != nil }
}

extension Google_Protobuf_FileDescriptorProto {
  /// The full names of all that the file declares.
  fileprivate var symbols: [String] {
    let prefix = package.isEmpty ? "" : package + "."
    var symbols = messageType.flatMap { $0.symbols(in: prefix) } + enumType.flatMap { $0.symbols(in: prefix) }
    symbols += self.extension.map { prefix + $0.name }
    for service in service {
      symbols.append(prefix + service.name)
      symbols += service.method.map { "\(prefix)\(service.name).\($0.name)" }
    }
    return symbols
  }

  /// The same file in another package of its own.
  func moved(to package: String, name: String) -> Self {
    func moved(_ type: String) -> String {
      type.hasPrefix(".\(self.package).") ? ".\(package)." + type.dropFirst(self.package.count + 2) : type
    }
    var file = self
    file.name = name
    file.package = package
    for message in file.messageType.indices {
      for field in file.messageType[message].field.indices where file.messageType[message].field[field].hasTypeName {
        file.messageType[message].field[field].typeName = moved(file.messageType[message].field[field].typeName)
      }
    }
    for service in file.service.indices {
      for method in file.service[service].method.indices {
        file.service[service].method[method].inputType = moved(file.service[service].method[method].inputType)
        file.service[service].method[method].outputType = moved(file.service[service].method[method].outputType)
      }
    }
    return file
  }
}

extension Google_Protobuf_DescriptorProto {
  fileprivate func symbols(in prefix: String) -> [String] {
    let own = prefix + name + "."
    return [prefix + name] + field.map { own + $0.name } + oneofDecl.map { own + $0.name }
      + self.extension.map { own + $0.name } + nestedType.flatMap { $0.symbols(in: own) }
      + enumType.flatMap { $0.symbols(in: own) }
  }
}

extension Google_Protobuf_EnumDescriptorProto {
  /// Values are declared beside their enum, not within it.
  fileprivate func symbols(in prefix: String) -> [String] { [prefix + name] + value.map { prefix + $0.name } }
}
