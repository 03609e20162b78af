"""The queue as most would write it: one job per transaction, claimed with FOR UPDATE SKIP LOCKED and ended by a second
transaction, over pgbench, whose clients are threads in C.

    python3 peer.py postgresql://…/an_empty_database JOBS CLIENTS [FOLDER-OF-PGBENCH-AND-PSQL]

Prints the jobs per second as JSON. The table has one index beside its primary key; there are no tenants and no turns.
"""

import json
import os
import re
import subprocess
import sys
import tempfile

SCHEMA = """
DROP TABLE IF EXISTS peer_jobs;
CREATE TABLE peer_jobs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, state text NOT NULL DEFAULT 'queued', attempts int NOT NULL DEFAULT 0,
  worker text, started_at timestamptz, ended_at timestamptz);
CREATE INDEX peer_jobs_queued ON peer_jobs (id) WHERE state = 'queued';
INSERT INTO peer_jobs (state) SELECT 'queued' FROM generate_series(1, {jobs});
VACUUM ANALYZE peer_jobs;
"""

# Two transactions for a job, as a worker has its work to do between them.
SCRIPT = """
UPDATE peer_jobs SET state = 'running', attempts = attempts + 1, worker = 'w', started_at = now()
WHERE id = (SELECT id FROM peer_jobs WHERE state = 'queued' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id \\gset
UPDATE peer_jobs SET state = 'done', ended_at = now() WHERE id = :id;
"""


def main() -> None:
    url, jobs, clients = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    folder = sys.argv[4] if len(sys.argv) > 4 else ""
    subprocess.run(
        [os.path.join(folder, "psql"), "-X", "-q", "-v", "ON_ERROR_STOP=1", url],
        input=SCHEMA.format(jobs=jobs), text=True, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(SCRIPT)
        script.flush()
        answer = subprocess.run(
            [os.path.join(folder, "pgbench"), "-n", "-M", "prepared", "-c", str(clients), "-j", "2",
             "-t", str(jobs // clients), "-f", script.name, url],
            text=True, check=True, capture_output=True).stdout
    rate = re.search(r"tps = ([0-9.]+)", answer)
    if rate is None:
        sys.exit("pgbench said nothing of its rate:\n" + answer)
    print(json.dumps({"one_job_per_transaction_per_second": round(float(rate.group(1)), 2)}))


if __name__ == "__main__":
    main()
