import Application
import Domain
import Foundation
import PostgresStorage

// Measures the job queue of PostgreSQL alone: empty jobs per second, and how long a waiting worker takes to start a job.
// The database is made for this and dropped afterwards: its tables are filled and emptied.

guard CommandLine.arguments.count == 4, let jobs = Int(CommandLine.arguments[2]),
  let workers = Int(CommandLine.arguments[3]), jobs > 0, workers > 0
else {
  FileHandle.standardError.write(Data("usage: queue-benchmark DATABASE-URL JOBS WORKERS\n".utf8))
  exit(2)
}

let bench = try await QueueBench(url: CommandLine.arguments[1], workers: workers)
var report: [String: Double] = [:]

try await bench.fill(jobs: jobs, tenants: 10)
report["claim_and_fail_per_second"] = try await bench.drain { queue, claimed in
  try await queue.fail("benchmark", retryAt: nil, under: claimed.lease, at: Date())
}

let drafts = try await bench.publishOnce(tenants: 10)
try await bench.fill(jobs: jobs, tenants: 10)
report["claim_and_publish_per_second"] = try await bench.drain { queue, claimed in
  guard let draft = drafts[claimed.job.organizationID] else { return }
  _ = try await queue.publish(draft, under: claimed.lease, at: Date())
}

try await bench.fill(jobs: jobs, tenants: 1000)
report["claim_and_fail_of_1000_tenants_per_second"] = try await bench.drain { queue, claimed in
  try await queue.fail("benchmark", retryAt: nil, under: claimed.lease, at: Date())
}

let latencies = try await bench.latencies(jobs: 1000, interval: .milliseconds(5))
for (name, share) in [("p50", 0.5), ("p99", 0.99), ("maximum", 1)] {
  report["start_milliseconds_\(name)"] = latencies[min(Int(Double(latencies.count) * share), latencies.count - 1)]
}
await bench.close()

let encoder = JSONEncoder()
encoder.outputFormatting = [.sortedKeys, .prettyPrinted]
print(String(decoding: try encoder.encode(report.mapValues { ($0 * 100).rounded() / 100 }), as: UTF8.self))
