/// A name that leads to several models, the next where one fails.
package struct ModelRouteSettings: Sendable {
  /// In which order they are tried.
  package enum Strategy: String, CaseIterable, Sendable { case ordered, weighted }

  /// The name that clients use.
  package let name: String
  /// `targets`: names of models, `extractive` among them if it is wanted.
  package let targets: [String]
  /// `strategy`.
  package let strategy: Strategy
  /// `weights`: one for each target where the strategy is `weighted`, else empty.
  package let weights: [Int]
  /// `attempts`: how often each target is asked at most before one has said anything.
  package let attempts: Int

  /// The names of all keys of a route.
  static let keys = ["targets", "strategy", "weights", "attempts"]

  /// Reads the route of a name; it may lead to `ends` alone, so that no route leads in a circle.
  init(name: String, ends: [String], _ reader: inout SettingsReader) throws(ConfigurationFailure) {
    try ModelTargets.check(name: name, reader)
    let key = "models.\(name)"
    self.name = name
    let accepted = "a list of models, each once: " + ends.joined(separator: ", ")
    let targets = try reader.value("\(key).targets", .list(accepted) { ends.contains($0) }, default: [])
    guard !targets.isEmpty, Set(targets).count == targets.count else {
      throw .invalidValue(
        key: "\(key).targets", shown: "\"" + targets.joined(separator: ", ") + "\"",
        source: reader.fileSource(of: "\(key).targets"), accepted: accepted)
    }
    self.targets = targets
    strategy = try reader.value("\(key).strategy", .choice, default: .ordered)
    let form = "a list of whole numbers from 0 to 1000 as text, one for each target, not all 0"
    let texts = try reader.value(
      "\(key).weights", .list(form) { Int($0).map { (0...1_000).contains($0) } ?? false }, default: [])
    weights = texts.compactMap { Int($0) }
    attempts = try reader.value("\(key).attempts", .integer(1...10), default: 2)
    let fits = strategy == .ordered ? weights.isEmpty : weights.count == targets.count && weights.contains { $0 > 0 }
    guard fits else {
      throw .invalidValue(
        key: "\(key).weights", shown: "\"" + texts.joined(separator: ", ") + "\"",
        source: reader.fileSource(of: "\(key).weights"),
        accepted: strategy == .ordered ? "nothing, unless strategy is weighted" : form)
    }
  }
}
