// Requests to /api/v1. Every failure becomes an ApiError whose message can be shown as it is.

import { currentSession, dropSession } from './session.js';
import { eventsOf } from './sse.js';
import { retryTime } from './limits.js';

export class ApiError extends Error {
  /** `retryAt`: when the server lets it be tried again, in milliseconds since 1970; 0 where it does not say. */
  constructor(code, message, { status = 0, requestId = '', retryAt = 0 } = {}) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
    this.requestId = requestId;
    this.retryAt = retryAt;
  }
}

const unreachable =
  'The server cannot be reached. Check that it is running and that you are connected, then try again.';

async function request(method, path, { json, form, query, signal, headers = {}, keepalive = false } = {}) {
  const url = new URL(`/api/v1${path}`, location.origin);
  for (const [name, value] of Object.entries(query ?? {})) {
    if (value !== undefined && value !== null && value !== '') url.searchParams.set(name, value);
  }
  const session = currentSession();
  const all = new Headers(headers);
  if (session) all.set('Authorization', `Bearer ${session.token}`);
  if (json !== undefined) all.set('Content-Type', 'application/json');
  let response;
  try {
    response = await fetch(url, {
      method, headers: all, signal, keepalive, cache: 'no-store', body: json !== undefined ? JSON.stringify(json) : form,
    });
  } catch (error) {
    if (error.name === 'AbortError') throw error;
    throw new ApiError('unavailable', unreachable);
  }
  if (response.ok) return response;
  const failure = await failureOf(response);
  // Not if another tab has signed in anew meanwhile; and a failed sign-in has no session to lose.
  if (response.status === 401 && currentSession()?.token === session?.token) {
    dropSession('Your session has ended. Sign in to go on; what you typed is kept.');
  }
  throw failure;
}

async function failureOf(response) {
  const requestId = response.headers.get('x-request-id') ?? '';
  const details = { status: response.status, requestId, retryAt: retryTime(response.headers.get('retry-after')) };
  try {
    const { code, message } = await response.json();
    if (message) return new ApiError(code ?? 'unknown', sentence(message), details);
  } catch {
    // not the server's error shape (a proxy's page, say): fall through to the status
  }
  return new ApiError('unknown', `The server answered with status ${response.status}.`, details);
}

/** The server's messages begin in lower case, as protobuf errors do; on a page they are sentences. */
export function sentence(message) {
  const text = message.charAt(0).toUpperCase() + message.slice(1);
  return /[.!?…]$/.test(text) ? text : `${text}.`;
}

/** The JSON answer of a unary method; an empty body is an empty message. */
export async function call(method, path, options) {
  const response = await request(method, path, options);
  const text = await response.text();
  return text === '' ? {} : JSON.parse(text);
}

/** The bytes of an answer that is not JSON. */
export async function bytesOf(path, options) {
  const response = await request('GET', path, { ...options, headers: { Accept: 'text/plain' } });
  return new Uint8Array(await response.arrayBuffer());
}

/** The events of a streaming method, each `{ type, id, message }` with its data parsed. */
export async function* stream(method, path, options = {}) {
  const response = await request(method, path, {
    ...options, headers: { Accept: 'text/event-stream', ...options.headers },
  });
  try {
    for await (const event of eventsOf(response.body)) {
      yield { type: event.type, id: event.id, message: JSON.parse(event.data) };
    }
  } catch (error) {
    if (error.name === 'AbortError' || error instanceof ApiError) throw error;
    throw new ApiError('unavailable', 'The connection to the server was lost.');
  }
}

/** One page of a list: `{ items, next }`, where `next` is the token of the following page or empty. */
export async function pageOf(path, name, { query = {}, pageToken = '', signal } = {}) {
  const page = await call('GET', path, { query: { pageSize: 50, ...query, pageToken }, signal });
  return { items: page[name] ?? [], next: page.nextPageToken ?? '' };
}

/** Every item of a list that is shown whole. */
export async function listAll(path, name, options = {}) {
  const items = [];
  let pageToken = '';
  do {
    const page = await pageOf(path, name, { ...options, pageToken });
    items.push(...page.items);
    pageToken = page.next;
  } while (pageToken);
  return items;
}
