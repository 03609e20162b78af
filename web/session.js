// Who is signed in, in this browser.
//
// The token lies in localStorage, not sessionStorage: a session lasts seven days, and a document or an answer opened
// in a second tab should not ask for the password again. A script that could read one could read the other, so the
// defence is that no foreign script runs: the page's policy is `default-src 'self'` with Trusted Types, it loads
// nothing from elsewhere, and text from documents and models only ever becomes text nodes.

const key = 'opentier.session';

export const sessionEvents = new EventTarget();

/** `{ user, token, expiresAt }`, or null when nobody is signed in. */
export function currentSession() {
  try {
    const session = JSON.parse(localStorage.getItem(key));
    if (!session?.token) return null;
    if (session.expiresAt && Date.parse(session.expiresAt) <= Date.now()) return null;
    return session;
  } catch {
    return null; // not ours, or cut short: the same as signed out
  }
}

export function keepSession(user, session) {
  localStorage.setItem(key, JSON.stringify({ user, token: session.token, expiresAt: session.expiresAt }));
  sessionEvents.dispatchEvent(new Event('change'));
}

/** Forgets the session. `reason` is shown above the sign-in form. */
export function dropSession(reason = '') {
  if (localStorage.getItem(key) === null) return;
  localStorage.removeItem(key);
  sessionEvents.dispatchEvent(new CustomEvent('change', { detail: { reason } }));
}

// Signing out in one tab signs out all of them.
addEventListener('storage', (event) => {
  if (event.key === key || event.key === null) sessionEvents.dispatchEvent(new Event('change'));
});

const ranks = { USER_ROLE_USER: 1, USER_ROLE_CONTRIBUTOR: 2, USER_ROLE_ADMIN: 3 };
export const roleNames = { USER_ROLE_USER: 'Reader', USER_ROLE_CONTRIBUTOR: 'Contributor', USER_ROLE_ADMIN: 'Admin' };

/** Whether a user's role is at least `role`; what may really be done is decided by the server. */
export function may(user, role) {
  return (ranks[user?.role] ?? 0) >= ranks[role];
}

// Drafts are kept for this tab, so that nothing typed is lost to a failed request, a reload or an ended session.
export const drafts = {
  read: (name) => sessionStorage.getItem(`opentier.draft.${name}`) ?? '',
  write(name, text) {
    if (text === '') sessionStorage.removeItem(`opentier.draft.${name}`);
    else sessionStorage.setItem(`opentier.draft.${name}`, text);
  },
  clear() {
    for (const name of Object.keys(sessionStorage)) {
      if (name.startsWith('opentier.draft.')) sessionStorage.removeItem(name);
    }
  },
};
