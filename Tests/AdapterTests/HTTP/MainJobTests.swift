import NIOHTTP1
import Testing

struct MainJobTests {
  @Test("from sign-up to an answer whose citations are the source's bytes")
  func signUpToCitation() async throws {
    try await ServerUnderTest.run { server in
      let signedUp = try await server.api(
        .POST, "/auth/signup",
        #"{"email":"Ada@Example.org","password":"correct horse","displayName":"Ada"}"#)
      #expect(signedUp.status == 200)
      #expect(signedUp.json["user"]?["email"]?.string == "ada@example.org")
      #expect(signedUp.json["user"]?["role"]?.string == "USER_ROLE_ADMIN")
      #expect(signedUp.json.keys == ["session", "user"])
      #expect(signedUp.json["session"]?.keys == ["expiresAt", "token"])
      let token = try required(signedUp.json["session"]?["token"]?.string)

      let text = "Zürich's tram has 14 lines. It is blue — mostly."
      let submitted = try await server.api(
        .POST, "/submissions",
        #"{"title":"Trams","text":"\#(text)","metadata":{"tags":["city"],"n":{"deep":[1,null]}}}"#,
        token: token)
      #expect(submitted.json["submission"]?["status"]?.string == "SUBMISSION_STATUS_PENDING")
      #expect(submitted.json["submission"]?["metadata"]?["n"]?["deep"]?[0]?.number == 1)
      let submission = try required(submitted.json["submission"]?["id"]?.string)
      let listed = try await server.api(.GET, "/submissions?status=SUBMISSION_STATUS_PENDING", token: token)
      #expect(listed.json["submissions"]?[0]?["id"]?.string == submission)
      let shown = try await server.api(.GET, "/submissions/\(submission)", token: token)
      #expect(shown.json["text"]?.string == text)

      let approved = try await server.api(.POST, "/submissions/\(submission)/approve", token: token)
      #expect(approved.json["submission"]?["status"]?.string == "SUBMISSION_STATUS_APPROVED")
      let job = try required(approved.json["jobId"]?.string)
      async let watched = server.events("/jobs/\(job)/events", token: token)
      try await server.world.ingest()
      let events = try await watched
      #expect(events.last?.name == "completed")
      #expect(events.last?.json["state"]?.string == "JOB_STATE_INDEXED")
      #expect(events.map(\.id) == (1...events.count).map(String.init))

      let answer = try await server.events("/chat", #"{"message":"How many lines has the tram?"}"#, token: token)
      #expect(answer.map(\.name) == ["started", "sources", "delta", "delta", "completed"])
      #expect(answer.map(\.id) == ["1", "2", "3", "4", "5"])
      #expect(answer[0].json.keys == ["conversationId", "messageId", "model", "userMessageId"])
      let source = try required(answer[1].json["sources"]?[0])
      #expect(source["marker"]?.number == 1)
      #expect(source["startOffset"]?.number == 0)
      #expect(source["submittedBy"]?.string == "Ada")
      #expect(answer[4].json["finishReason"]?.string == "stop")
      #expect(answer[4].json["usage"]?["promptTokens"]?.number == 11)
      let citation = try required(answer[4].json["citations"]?[0])

      let document = try required(citation["documentId"]?.string)
      let revision = try required(citation["revisionId"]?.string)
      let whole = try await server.api(.GET, "/documents/\(document)/text?revision=\(revision)", token: token)
      #expect(whole.headers.first(name: "content-type") == "text/plain; charset=utf-8")
      #expect(whole.text == text)
      let start = Int(try required(citation["startOffset"]?.number))
      let end = Int(try required(citation["endOffset"]?.number))
      #expect(String(decoding: whole.bytes[start..<end], as: UTF8.self) == citation["text"]?.string)

      let conversation = try required(answer[0].json["conversationId"]?.string)
      let messages = try await server.api(.GET, "/conversations/\(conversation)/messages", token: token)
      #expect(
        messages.json["messages"]?.items.map { $0["role"]?.string } == ["MESSAGE_ROLE_USER", "MESSAGE_ROLE_ASSISTANT"])
      #expect(messages.json["messages"]?[1]?["citations"]?[0]?["text"] == citation["text"])

      let hits = try await server.api(
        .POST, "/search", #"{"query":"tram","mode":"SEARCH_MODE_LEXICAL","limit":5,"filters":{"tags":["city"]}}"#,
        token: token)
      #expect(hits.json["hits"]?[0]?["documentId"]?.string == document)
      #expect(hits.json["hits"]?[0]?["startOffset"]?.number == 0)
      let none = try await server.api(.POST, "/search", #"{"query":"zebra"}"#, token: token)
      #expect(none.text == #"{"hits":[]}"#)
    }
  }

  @Test("a text that has not changed is not sent again")
  func entityTags() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let document = try await server.publish("Some text.", title: "T", token: token)
      let first = try await server.api(.GET, "/documents/\(document)/text", token: token)
      let tag = try required(first.headers.first(name: "etag"))
      let second = try await server.ask(
        .GET, "/api/v1/documents/\(document)/text", token: token, headers: [("if-none-match", tag)])
      #expect(second.status == 304)
      #expect(second.bytes.isEmpty)
    }
  }

  @Test("a file comes in by a form, and by JSON in Base64")
  func uploads() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let form = """
        --XX\r\nContent-Disposition: form-data; name="metadata"\r\n\r\n{"tags":["a"]}\r\n--XX\r\n\
        Content-Disposition: form-data; name="file"; filename="C:\\docs\\notes.md"\r\nContent-Type: text/markdown\r\n\r\n\
        # Notes\r\n--XX--\r\n
        """
      let uploaded = try await server.ask(
        .POST, "/api/v1/submissions", body: Array(form.utf8), type: "multipart/form-data; boundary=XX", token: token)
      #expect(uploaded.status == 200, "\(uploaded.text)")
      let submission = try required(uploaded.json["submission"])
      #expect(submission["title"]?.string == "notes.md")
      #expect(submission["fileName"]?.string == "notes.md")
      #expect(submission["mediaType"]?.string == "text/markdown")
      #expect(submission["byteCount"]?.number == 7)
      #expect(submission["metadata"]?["tags"]?[0]?.string == "a")
      let inJSON = try await server.api(
        .POST, "/submissions", #"{"title":"T","file":{"name":"a.txt","data":"aGVsbG8="}}"#, token: token)
      #expect(inJSON.json["submission"]?["byteCount"]?.number == 5)
    }
  }

  @Test("lists page to their end, without a gap and without anything twice")
  func paging() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      for index in 0..<7 { _ = try await server.api(.POST, "/conversations", #"{"title":"c\#(index)"}"#, token: token) }
      var titles: [String] = []
      var next: String? = ""
      while let page = next {
        let reply = try await server.api(.GET, "/conversations?pageSize=3&pageToken=\(page)", token: token)
        titles += reply.json["conversations"]?.items.compactMap { $0["title"]?.string } ?? []
        next = reply.json["nextPageToken"]?.string
      }
      #expect(titles == (0..<7).reversed().map { "c\($0)" })
    }
  }

  @Test("a conversation's messages page as well")
  func pagingMessages() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let first = try await server.events("/chat", #"{"message":"one?"}"#, token: token)
      let conversation = try required(first.first?.json["conversationId"]?.string)
      let more = #"{"message":"two?","conversationId":"\#(conversation)"}"#
      _ = try await server.events("/chat", more, token: token)
      let path = "/conversations/\(conversation)/messages"
      let whole = try await server.api(.GET, path, token: token).json["messages"]?.items ?? []
      #expect(whole.count == 4)
      var paged: [JSON] = []
      var next: String? = ""
      while let page = next {
        let reply = try await server.api(.GET, "\(path)?pageSize=2&pageToken=\(page)", token: token)
        paged += reply.json["messages"]?.items ?? []
        next = reply.json["nextPageToken"]?.string
      }
      #expect(paged == whole)
    }
  }

  @Test("an answer written again is a branch beside the old one")
  func regenerate() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let first = try await server.events("/chat", #"{"message":"one?"}"#, token: token)
      let conversation = try required(first.first?.json["conversationId"]?.string)
      let answer = try required(first.first?.json["messageId"]?.string)
      let again = try await server.events(
        "/conversations/\(conversation)/messages/\(answer)/regenerate", "{}", token: token)
      #expect(again.map(\.name) == first.map(\.name))
      let messages = try await server.api(.GET, "/conversations/\(conversation)/messages", token: token)
      let parents = messages.json["messages"]?.items.compactMap { $0["parentId"]?.string } ?? []
      #expect(parents.count == 2)
      #expect(Set(parents).count == 1)
    }
  }

  @Test("sessions are listed, revoked, and gone")
  func sessions() async throws {
    try await ServerUnderTest.run { server in
      let token = try await server.signUp("ada")
      let other = try await server.api(
        .POST, "/auth/signin", #"{"email":"ada@example.org","password":"correct horse"}"#)
      let otherToken = try required(other.json["session"]?["token"]?.string)
      let sessions = try await server.api(.GET, "/auth/sessions", token: token).json["sessions"]?.items ?? []
      #expect(sessions.map { $0["current"]?.bool } == [false, true])
      #expect(sessions.allSatisfy { $0["ipAddress"]?.string == "127.0.0.1" })
      let id = try required(sessions[0]["id"]?.string)
      #expect(try await server.api(.DELETE, "/auth/sessions/\(id)", token: token).text == "{}")
      #expect(try await server.api(.GET, "/auth/me", token: otherToken).status == 401)
      #expect(try await server.api(.GET, "/auth/me", token: token).json["user"]?["displayName"]?.string == "ada")
      #expect(try await server.api(.DELETE, "/auth/sessions", token: token).json["revoked"]?.number == 1)
      #expect(try await server.api(.GET, "/auth/me", token: token).status == 401)
    }
  }
}
