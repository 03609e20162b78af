import Domain
import FoundationEssentials
import SwiftProtobuf
import Testing

@testable import Contract
@testable import HTTPServer

/// Feeds what reads a stranger's bytes with a million inputs that are nearly valid.
struct FuzzTests {
  private static let total = 1_000_000
  private static let seed: UInt64 = 0x6f70_656e_7469_6572
  private static let children = 8

  @Test("a million mutated inputs are decoded or refused with a reason, within the limit", .timeLimit(.minutes(10)))
  func million() async throws {
    let targets = try FuzzTarget.all()
    let sum = await withTaskGroup(of: (inputs: Int, decoded: Int, failures: [String]).self) { group in
      for child in 0..<Self.children {
        group.addTask { await Self.run(child: child, targets) }
      }
      return await group.reduce(into: (inputs: 0, decoded: 0, failures: [String]())) { sum, part in
        sum = (sum.inputs + part.inputs, sum.decoded + part.decoded, sum.failures + part.failures)
      }
    }
    #expect(sum.inputs == Self.total)
    // Mutations that break everything would test nothing but the first check.
    #expect(sum.decoded > Self.total / 20)
    #expect(sum.decoded < Self.total * 19 / 20)
    for failure in sum.failures.prefix(10) { Issue.record("seed \(Self.seed): \(failure)") }
  }

  private static func run(
    child: Int, _ targets: [FuzzTarget]
  ) async -> (inputs: Int, decoded: Int, failures: [String]) {
    var generator = SplitMix64(seed: seed &+ UInt64(child))
    var failures: [String] = []
    var decoded = 0
    let count = total / children
    for index in 0..<count {
      // The threads are those of all tests, whose time-outs would pass meanwhile.
      if index.isMultiple(of: 256) { await Task.yield() }
      let target = targets[index % targets.count]
      let origin = target.corpus[Int(generator.next() % UInt64(target.corpus.count))]
      let input = Mutation.apply(to: origin, others: target.corpus, using: &generator)
      if let failure = check(target, input, &decoded) {
        failures.append("child \(child), input \(index), \(target.name): \(failure): \(Base64Text.of(input))")
      }
    }
    return (count, decoded, failures)
  }

  /// What is wrong with how an input was taken; `nil` where nothing is.
  private static func check(_ target: FuzzTarget, _ input: [UInt8], _ decoded: inout Int) -> String? {
    do {
      let size = try target.decode(input)
      decoded += 1
      // JSON and binary messages are as long as what came.
      return size > max(FuzzTarget.limit, input.count) ? "it gave \(size) bytes" : nil
    } catch let error as ContractError {
      guard error.diagnosis == nil else { return "a defect: \(error.diagnosis ?? "")" }
      return error.message.isEmpty || ![.invalidArgument, .resourceExhausted, .unimplemented].contains(error.code)
        ? "the error \(error.code) \(error.message)" : nil
    } catch is EnvelopeReader.Failure {
      return nil
    } catch is Base64Reader.Malformed {
      return nil
    } catch let failure as GzipInflater.Failure {
      return failure == .outOfMemory ? "no memory" : nil
    } catch {
      return "an error that is none of the wires': \(error)"
    }
  }

  @Test("what is not mutated is read as it was written, in every framing")
  func unmutated() throws {
    for target in try FuzzTarget.all() where target.name != "timeouts and codings" {
      #expect(target.corpus.contains { (try? target.decode($0)) != nil }, "\(target.name)")
    }
    let chat = FuzzTarget.chat
    let formats: [(MessageFormat, [UInt8])] = [
      (.json, try OutgoingMessage(chat).encoded(as: .json)), (.binary, try OutgoingMessage(chat).encoded(as: .binary)),
    ]
    for (format, bytes) in formats {
      for accepted in [nil, "gzip"] as [String?] {
        let messages = EnvelopedMessages(
          format: format, compression: try Compression(sent: accepted, accepted: accepted), limit: 100_000,
          corrupt: .invalidArgument)
        // Long enough to be compressed.
        var long = chat
        long.message = String(repeating: "river ", count: 500)
        for message in [chat, long] {
          let envelope = try messages.outgoing(OutgoingMessage(message))
          #expect((envelope.flags == Envelope.compressed) == (accepted == "gzip" && message == long))
          var text = Base64Reader(.standard)
          var reader = EnvelopeReader(limit: 100_000)
          try reader.feed(try text.feed(Array(Base64Text.of(envelope.bytes).utf8)))
          let read = try messages.incoming(try reader.finish()).decoded(as: Opentier_V1_StreamChatRequest.self)
          #expect(read == message)
        }
      }
      let query =
        "encoding=\(format == .json ? "json" : "proto")&base64=1&message="
        + Base64Text.of(bytes, isPadded: false).replacing("+", with: "-").replacing("/", with: "_")
      #expect(try ConnectGet.query(query).message == bytes)
    }
  }
}
