import Domain
import Testing

@Suite("Parts of a question")
struct QuestionPartsTests {
  @Test("a question of several sentences is taken apart, short ones left out, no more than asked for")
  func parts() {
    let question = "How is leave counted? Yes. Who approves it in summer? What if nobody is there?"
    #expect(
      QuestionParts.of(question, maximum: 6)
        == ["How is leave counted?", "Who approves it in summer?", "What if nobody is there?"])
    #expect(QuestionParts.of(question, maximum: 2).count == 2)
    #expect(QuestionParts.of(question, maximum: 0).isEmpty)
  }

  @Test(
    "one sentence is no part of itself", arguments: ["How is leave counted?", "leave", "", "Yes. How is it counted?"])
  func single(_ question: String) {
    #expect(QuestionParts.of(question, maximum: 6).isEmpty)
  }
}

@Suite("Questions that refer back")
struct FollowUpQuestionTests {
  @Test(
    "pronouns, continuations and a word or two refer back",
    arguments: [
      "Can I carry them over?", "And in Berlin?", "What about part-time employees in their first year?", "Why?",
      "for interns", "Who approves this before the summer starts?",
    ])
  func refers(_ question: String) { #expect(FollowUpQuestion.refersBack(question)) }

  @Test(
    "a question that names what it is about stands alone",
    arguments: [
      "How many days of leave does an employee have in the first year?", "Which database stores session tokens?", "",
    ])
  func stands(_ question: String) { #expect(!FollowUpQuestion.refersBack(question)) }

  @Test("it gets the question before it, and that of that one, as sentences of their own")
  func chain() {
    let history = ["Which wind tunnels are there?", "How many days of leave do new employees have", "And interns?"]
    #expect(
      FollowUpQuestion.standalone("Can they carry it over?", after: history, maximumLength: 1_000)
        == "How many days of leave do new employees have? And interns? Can they carry it over?")
    let alone = "Which database stores the session tokens of users?"
    #expect(FollowUpQuestion.standalone(alone, after: history, maximumLength: 1_000) == alone)
    #expect(FollowUpQuestion.standalone("And interns?", after: [], maximumLength: 1_000) == "And interns?")
  }

  @Test("what would make it too long is left out, at the very edge")
  func length() {
    let question = "Why is it so?"
    let earlier = "What is the sky's colour?"
    let whole = "\(earlier) \(question)"
    func standalone(_ length: Int) -> String {
      FollowUpQuestion.standalone(question, after: [earlier], maximumLength: length)
    }
    #expect(standalone(whole.count) == whole)
    #expect(standalone(whole.count - 1) == question)
  }
}

@Suite("Questions that speak of the asker")
struct AskerContextTests {
  @Test(
    "first persons and here do, others do not",
    arguments: [
      ("How many days of leave do I get?", true), ("What’s our policy?", true),
      ("Which holidays are there here?", true),
      ("Who is I. Newton?", true), ("How is a wing built?", false), ("", false),
    ])
  func speaks(_ question: String, _ speaks: Bool) { #expect(AskerContext.speaksOfAsker(question) == speaks) }

  @Test("the memories that share words with the question come first, then the newest; two at most")
  func expansions() {
    let memories = ["I like tea", "I am an intern", "My leave begins in May"]
    let question = "How much leave do I have?"
    #expect(
      AskerContext.expansions(of: question, by: memories)
        == ["My leave begins in May \(question)", "I like tea \(question)"])
    #expect(AskerContext.expansions(of: "How is leave counted?", by: memories).isEmpty)
    #expect(AskerContext.expansions(of: question, by: []).isEmpty)
  }
}
