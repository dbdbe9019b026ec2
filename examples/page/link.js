// The token that lets one person in. A link brings it behind the #, which no server sees: it leaves the address bar at once and
// stays with this tab. Nothing is imported here, so that this happens whatever else fails to load.

let token = null;

function take() {
  const brought = new URLSearchParams(location.hash.slice(1)).get('token');
  if (location.hash) history.replaceState(null, '', location.pathname + location.search);
  if (!brought) return;
  token = brought;
  // A browser may forbid storage; then the token lasts until the page is reloaded.
  try { sessionStorage.setItem(location.pathname, brought); } catch { /* as said */ }
}

export function kept() {
  try { return token ?? sessionStorage.getItem(location.pathname); } catch { return token; }
}

// When it expires, in milliseconds since 1970; null where it is no token at all.
export function expiry(text) {
  try { return JSON.parse(atob(text.split('.')[1].replace(/-/g, '+').replace(/_/g, '/'))).exp * 1000 || null; } catch { return null; }
}

take();
addEventListener('hashchange', take);
