// What the server's messages mean here. Protobuf's JSON mapping leaves empty lists and unset fields out, and writes
// enums as buf names them; the rest of the client sees complete values and short lower-case names.

function short(value, prefix) {
  return (value ?? '').replace(prefix, '').toLowerCase();
}

/** A passage that was given to the model, or the part of it that the answer rests on. */
export function sourceOf(wire) {
  return {
    marker: Number(wire.marker ?? 0),
    documentId: wire.documentId ?? '',
    revisionId: wire.revisionId ?? '',
    title: wire.title || 'Untitled document',
    text: wire.text ?? '',
    startOffset: Number(wire.startOffset ?? 0),
    endOffset: Number(wire.endOffset ?? 0),
    startPage: Number(wire.startPage ?? 0),
    endPage: Number(wire.endPage ?? 0),
    submittedBy: wire.submittedBy ?? '',
    approvedBy: wire.approvedBy ?? '',
  };
}

export function messageOf(wire) {
  return {
    id: wire.id,
    parentId: wire.parentId ?? '',
    role: short(wire.role, 'MESSAGE_ROLE_'),
    content: wire.content ?? '',
    sources: (wire.sources ?? []).map(sourceOf),
    citations: (wire.citations ?? []).map(sourceOf),
    finishReason: wire.finishReason ?? '',
    // Tools' steps are told while an answer is written, and are not stored with it.
    steps: [],
  };
}

/** A step of an answer: a tool that the model has asked for. Its outcome is null until there is one. */
export function toolCallOf(wire) {
  return { id: wire.id ?? '', name: wire.name ?? '', arguments: wire.arguments ?? '', outcome: null };
}

export function toolResultOf(wire) {
  return {
    id: wire.id ?? '',
    name: wire.name ?? '',
    summary: wire.summary ?? '',
    isError: wire.isError ?? false,
    sources: (wire.sources ?? []).map(sourceOf),
  };
}

/** What was used together; costs are millionths of the currency. */
export function totalsOf(wire = {}) {
  const [requests, prompt, completion, cost] =
    ['requests', 'promptTokens', 'completionTokens', 'costMicros'].map((name) => Number(wire[name] ?? 0));
  return { requests, prompt, completion, tokens: prompt + completion, cost };
}

export function usageOf(wire) {
  return {
    total: totalsOf(wire.total),
    days: (wire.days ?? []).map(({ day, totals }) => ({ name: day, totals: totalsOf(totals) })),
    models: (wire.models ?? []).map(({ model, totals }) => ({ name: model ?? '', totals: totalsOf(totals) })),
    users: (wire.users ?? []).map(({ userId, email, totals }) => (
      { id: userId, name: email ?? '', totals: totalsOf(totals) })),
    next: wire.nextPageToken ?? '',
    firstDay: wire.firstDay ?? '',
    lastDay: wire.lastDay ?? '',
    currency: wire.currency ?? 'USD',
    budgets: (wire.budgets ?? []).map(budgetOf),
  };
}

export function budgetOf(wire) {
  const { override } = wire;
  return {
    id: wire.id,
    userId: wire.userId ?? '',
    limit: Number(wire.limitMicros ?? 0),
    spent: Number(wire.spentMicros ?? 0),
    reserved: Number(wire.reservedMicros ?? 0),
    periodEnd: wire.periodEnd ?? '',
    override: override
      ? { expiresAt: override.expiresAt, reason: override.reason ?? '', actorId: override.actorId ?? '' } : null,
  };
}

export function auditEntryOf(wire) {
  return {
    actorId: wire.actorId ?? '',
    action: wire.action ?? '',
    subjectId: wire.subjectId ?? '',
    details: wire.details ?? {},
    occurredAt: wire.occurredAt ?? '',
  };
}

export function submissionOf(wire) {
  return {
    id: wire.id,
    title: wire.title || 'Untitled',
    status: short(wire.status, 'SUBMISSION_STATUS_'),
    contributorId: wire.contributorId ?? '',
    createdAt: wire.createdAt ?? '',
    reviewedBy: wire.reviewedBy ?? '',
    reviewedAt: wire.reviewedAt ?? '',
    note: wire.note ?? '',
    jobId: wire.jobId ?? '',
    documentId: wire.documentId ?? '',
    url: wire.url ?? '',
    fileName: wire.fileName ?? '',
    mediaType: wire.mediaType ?? '',
    byteCount: wire.byteCount ?? 0,
    sourceUri: wire.sourceUri ?? '',
  };
}

export const stages = ['queued', 'extracting', 'chunking', 'embedding', 'indexed'];
// Those of a site, a repository or a bulk import.
export const collectionStages = ['queued', 'collecting', 'importing', 'indexed'];

export function jobOf(wire) {
  return {
    id: wire.id,
    state: short(wire.state, 'JOB_STATE_'),
    stages: (wire.stages ?? []).map((each) => ({
      stage: short(each.stage, 'JOB_STATE_'), done: each.done ?? 0, total: each.total ?? 0,
    })),
    error: wire.error ?? '',
    attempts: wire.attempts ?? 0,
    documentId: wire.documentId ?? '',
  };
}

export function isFinal(job) {
  return ['indexed', 'failed', 'cancelled'].includes(job.state);
}
