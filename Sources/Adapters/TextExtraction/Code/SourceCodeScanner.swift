import Domain

/// Finds the parts of source code: what blank lines part, which is how its authors keep together what belongs together.
enum SourceCodeScanner {
  /// The media types by the extensions of file names.
  static let mediaTypes: [String: String] = [
    "swift": "text/x-swift", "py": "text/x-python", "js": "text/javascript", "mjs": "text/javascript",
    "jsx": "text/javascript", "ts": "text/x-typescript", "tsx": "text/x-typescript", "java": "text/x-java",
    "kt": "text/x-kotlin", "kts": "text/x-kotlin", "go": "text/x-go", "rs": "text/x-rust", "c": "text/x-c",
    "h": "text/x-c", "cc": "text/x-c++", "cpp": "text/x-c++", "cxx": "text/x-c++", "hpp": "text/x-c++",
    "hh": "text/x-c++", "m": "text/x-objective-c", "mm": "text/x-objective-c", "cs": "text/x-csharp",
    "fs": "text/x-fsharp", "rb": "text/x-ruby", "php": "text/x-php", "pl": "text/x-perl", "pm": "text/x-perl",
    "lua": "text/x-lua", "r": "text/x-r", "jl": "text/x-julia", "scala": "text/x-scala", "clj": "text/x-clojure",
    "ex": "text/x-elixir", "exs": "text/x-elixir", "erl": "text/x-erlang", "hs": "text/x-haskell", "ml": "text/x-ocaml",
    "sh": "text/x-shellscript", "bash": "text/x-shellscript", "zsh": "text/x-shellscript", "ps1": "text/x-powershell",
    "sql": "text/x-sql", "proto": "text/x-protobuf", "graphql": "text/x-graphql", "tf": "text/x-terraform",
    "css": "text/css", "scss": "text/x-scss", "vue": "text/x-vue", "zig": "text/x-zig", "dart": "text/x-dart",
    "nix": "text/x-nix", "cmake": "text/x-cmake", "gradle": "text/x-gradle", "groovy": "text/x-groovy",
    "yaml": "text/x-yaml", "yml": "text/x-yaml", "toml": "text/x-toml", "ini": "text/x-ini",
  ]

  /// The text with its parts, in time linear in its length.
  static func scan(_ text: String) -> ExtractedText {
    let paragraphs = PlainTextScanner.scan(text)
    let bytes = Array(text.utf8)
    return ExtractedText(
      text: text, title: nil,
      blocks: paragraphs.blocks.map { block in
        // The first line keeps its indentation.
        TextBlock(kind: .code, range: bytes.lineStart(of: block.range.lowerBound)..<block.range.upperBound)
      })
  }
}
