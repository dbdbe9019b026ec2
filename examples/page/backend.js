// The backend's functions, as PostgREST and examples/backend serve them: POST /rpc/NAME with the arguments as JSON. Who asks, it knows
// by its own means: a cookie goes along.

export class Refusal extends Error {
  constructor(status, body) {
    let detail = {};
    try { detail = JSON.parse(body.details) ?? {}; } catch { /* none */ }
    const reason = body?.code ? detail.reason ?? body.code : 'no-backend';
    super(reason);
    Object.assign(this, { status, reason, opensAt: detail.opens_at });
  }
}

// Gives what the function does. Throws a Refusal, or another error where the backend cannot be reached.
export async function ask(name, args) {
  const answer = await fetch('/rpc/' + name, {
    method: 'POST', body: JSON.stringify(args), signal: AbortSignal.timeout(20_000),
    headers: { 'Content-Type': 'application/json', Accept: 'application/json' },
  });
  const text = await answer.text();
  let body = null;
  try { body = JSON.parse(text); } catch { /* none, or not the backend's */ }
  if (!answer.ok) throw new Refusal(answer.status, body);
  return body;
}
