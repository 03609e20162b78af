/// How far a model may go with tools within one reply.
package struct ToolSettings: Hashable, Sendable {
  /// How often a model may ask for tools before it has to answer; 0 offers it none.
  package var maximumRounds = 0
  /// How many tools it may ask for at once; what goes beyond is not run, and it is told so.
  package var maximumCalls = 4
  /// How long one call may take.
  package var timeout: Duration = .seconds(10)
  /// The most bytes of what one call returns to the model.
  package var maximumResultBytes = 16 << 10
  /// The most bytes of the arguments of one call.
  package var maximumArgumentBytes = 8 << 10

  /// The standard settings: no tools.
  package init() {}
}
