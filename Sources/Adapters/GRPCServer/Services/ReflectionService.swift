import Contract
package import GRPCCore
import GRPCProtobuf
package import SwiftProtobuf

/// `grpc.reflection.v1.ServerReflection`, and the same under its older name `grpc.reflection.v1alpha`, by which many
/// clients still ask; the messages are the same on the wire.
package struct ReflectionService: RegistrableRPCService {
  private typealias Request = Grpc_Reflection_V1_ServerReflectionRequest
  private typealias Response = Grpc_Reflection_V1_ServerReflectionResponse

  /// The full name of the newer of both.
  private static let name = Grpc_Reflection_V1_ServerReflection.descriptor.fullyQualifiedService
  private static let olderPackage = "grpc.reflection.v1alpha"
  private static let olderName = olderPackage + ".ServerReflection"

  private let index: ReflectionIndex

  /// Tells of services, and of itself.
  ///
  /// - Parameters:
  ///   - services: the full names; nothing is told of others.
  ///   - files: the files that declare them, and those that they import; there may be more.
  package init(of services: [String], in files: [Google_Protobuf_FileDescriptorProto]) {
    let own = Self.name
    let older = files.first { file in file.service.contains { "\(file.package).\($0.name)" == own } }
      .map { $0.moved(to: Self.olderPackage, name: "grpc/reflection/v1alpha/reflection.proto") }
    index = ReflectionIndex(
      services: services + [own, Self.olderName], in: files + (older.map { [$0] } ?? []))
  }

  /// Registers both names.
  package func registerMethods<Transport: ServerTransport>(with router: inout RPCRouter<Transport>) {
    for name in [Self.name, Self.olderName] {
      router.registerHandler(
        forMethod: MethodDescriptor(
          service: ServiceDescriptor(fullyQualifiedService: name), method: "ServerReflectionInfo",
          type: .bidirectionalStreaming),
        deserializer: ProtobufDeserializer<Request>(), serializer: ProtobufSerializer<Response>()
      ) { request, _ in
        StreamingServerResponse { writer in
          for try await message in request.messages { try await writer.write(answer(to: message)) }
          return [:]
        }
      }
    }
  }

  private func answer(to request: Request) throws -> Response {
    var response = Response()
    response.validHost = request.host
    response.originalRequest = request
    switch request.messageRequest {
    case .listServices:
      response.listServicesResponse.service = index.services.map { name in
        var service = Grpc_Reflection_V1_ServiceResponse()
        service.name = name
        return service
      }
    case .fileByFilename(let name): try response.set(index.file(named: name), or: "file \(name)")
    case .fileContainingSymbol(let symbol): try response.set(index.file(declaring: symbol), or: "symbol \(symbol)")
    case .allExtensionNumbersOfType(let type):
      // Version 3 of the language has no extensions but those of options, which nothing here declares.
      if index.declares(type) {
        response.allExtensionNumbersResponse.baseTypeName = type
      } else {
        response.setNotFound("type \(type)")
      }
    case .fileContainingExtension(let wanted):
      response.setNotFound("extension \(wanted.extensionNumber) of \(wanted.containingType)")
    case nil:
      response.errorResponse.errorCode = Int32(Status.Code.invalidArgument.rawValue)
      response.errorResponse.errorMessage = "the request asks for nothing"
    }
    return response
  }
}

extension Grpc_Reflection_V1_ServerReflectionResponse {
  fileprivate mutating func set(_ files: [Google_Protobuf_FileDescriptorProto]?, or what: String) throws {
    guard let files else { return setNotFound(what) }
    fileDescriptorResponse.fileDescriptorProto = try files.map { try $0.serializedData() }
  }

  fileprivate mutating func setNotFound(_ what: String) {
    errorResponse.errorCode = Int32(Status.Code.notFound.rawValue)
    errorResponse.errorMessage = "there is no \(what)"
  }
}
