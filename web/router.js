// Where the reader is, kept in the address's fragment, since the server serves this page at / alone.

/** `#/documents/42?revision=7` is `{ view: 'documents', id: '42', query: … }`. */
export function currentRoute() {
  const [path, query = ''] = location.hash.replace(/^#\/?/, '').split('?');
  const [view, id = ''] = path.split('/').map(decodeURIComponent);
  return { view: view || 'chat', id, query: new URLSearchParams(query) };
}

export function addressOf(view, id = '', query = {}) {
  const search = new URLSearchParams(Object.entries(query).filter(([, value]) => value !== '' && value !== undefined));
  return `#/${view}${id && `/${encodeURIComponent(id)}`}${search.size > 0 ? `?${search}` : ''}`;
}

export function go(address) {
  if (location.hash === address) dispatchEvent(new HashChangeEvent('hashchange'));
  else location.hash = address;
}

/** Changes the address without changing what is shown: the view has already become what the address says. */
export function settle(address) {
  history.replaceState(null, '', address);
  dispatchEvent(new Event('addresssettled'));
}
