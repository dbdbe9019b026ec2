// The room page in a real browser, with Twilio's own client SDK; Twilio and the backend are ours.
'use strict';
const assert = require('node:assert/strict');
const fs = require('node:fs');
const { after, before, describe, it } = require('node:test');
const { Sfu } = require('./sfu');
const { Signalling } = require('./signalling');
const { admit, certificate, launch, refusal, site, Tab, token } = require('./world');

let twilio, port, browser, plain;
const tabs = [];
before(async () => {
  twilio = new Signalling({ ...certificate(), admit, left: me => { twilio.gone = me.identity; } });
  port = await twilio.listen();
  browser = await launch(port);
  twilio.sfu = await Sfu.start(browser);
  plain = await site();
});
after(async () => {
  await browser?.close();
  twilio?.close();
  plain?.close();
});

async function open(url, options) {
  const tab = await Tab.open(options?.browser ?? browser, url, { ...options, prepare: async page => {
    await page.evaluateOnNewDocument(() => {
      window.violations = [];
      document.addEventListener('securitypolicyviolation', event => window.violations.push(event.violatedDirective));
    });
    await options?.prepare?.(page);
  } });
  tabs.push(tab);
  return tab;
}
// Runs a story and closes its tabs.
const story = (name, tell) => it(name, { timeout: 90_000 }, async () => {
  twilio.admit = admit;
  Object.assign(twilio, { refuseSync: 0, deaf: false, gone: null });
  try {
    await tell();
    for (const tab of tabs) assert.deepEqual(tab.errors, []);
  } finally {
    for (const tab of tabs.splice(0)) await tab.close().catch(() => {});
    await twilio.clear();
  }
});
const link = (identity, options) => `${plain.url}/room/abc#token=${token(identity, options)}`;
const inRoom = identity => open(link(identity)).then(tab => tab.enter());

describe('a link that brings the token', () => {
  story('leads into the room, is cleaned from the address bar, and lasts for the tab', async () => {
    const tab = await open(link('ann'));
    assert.equal(tab.page.url(), `${plain.url}/room/abc`);
    await tab.enter();
    assert.deepEqual(await tab.said(), ['You are in the room, alone so far.', '']);
    assert.deepEqual(await tab.page.evaluate(() => window.violations), []);
    await tab.page.evaluate(() => { window.own = [...document.querySelectorAll('#people video')].flatMap(video => video.srcObject.getTracks()); });
    await tab.press('leave');
    await tab.reads('status', /^You have left the room\.$/);
    assert.deepEqual(await tab.page.evaluate(() => window.own.map(track => track.readyState)), ['ended']);
    assert.equal(twilio.gone, 'ann');
    await tab.page.reload();
    await tab.enter();
  });

  story('is taken whatever else fails to load', async () => {
    const tab = await open(link('ann'), { prepare: async page => {
      await page.setRequestInterception(true);
      page.on('request', request => /(people|texts|backend)\.js$/.test(request.url()) ? request.abort() : request.continue());
    } });
    assert.equal(tab.page.url(), `${plain.url}/room/abc`);
    assert.equal(await tab.text('status'), '…');
    tab.errors = [];
  });

  story('says so where Twilio\'s client cannot be loaded, or the browser cannot do it', async () => {
    const tab = await open(link('ann'), { prepare: async page => {
      await page.setRequestInterception(true);
      page.on('request', request => /twilio-video/.test(request.url()) ? request.abort() : request.continue());
    } });
    await tab.reads('problem', /^The video software could not be loaded/);
    const insecure = await open(link('ann').replace('localhost', 'app.example'));
    await insecure.reads('problem', /cannot do video calls, or the page is not served over https/);
  });

  for (const [what, fragment, words] of [
    ['is no token', '#token=abc', /link is not valid.*20101/], ['has expired', `#token=${token('ann', { ttl: -1 })}`, /has expired.*20104/],
    ['is missing', '', /link is incomplete/]]) {
    story(`is refused where it ${what}`, async () => {
      const tab = await open(`${plain.url}/room/abc${fragment}`);
      await tab.reads('problem', words);
      assert.equal(await tab.isShown('join'), false);
    });
  }

  story('may be followed by another in the same tab', async () => {
    const tab = await open(`${plain.url}/room/abc`);
    await tab.reads('problem', /incomplete/);
    await tab.page.evaluate(hash => { location.hash = hash; }, `token=${token('ann')}`);
    await tab.enter();
    assert.equal(tab.page.url(), `${plain.url}/room/abc`);
  });

  for (const [code, words] of [[20107, /not valid/], [20105, /clock is wrong/], [53105, /full/], [53106, /over/], [53206, /busy/], [53216, /as long as it allows/], [53000, /firewall/], [59999, /went wrong/]]) {
    story(`says in words why Twilio refuses it: ${code}`, async () => {
      twilio.admit = () => ({ code });
      const tab = await open(link('ann'));
      await tab.reads('status', /^Ready/);
      await tab.press('join');
      await tab.reads('problem', new RegExp(`${words.source}.*${code}`));
      assert.equal(await tab.text('status'), 'Not in the room.');
      assert.equal(await tab.page.$$eval('video, audio', elements => elements.length), 0);
      twilio.admit = admit;
      await tab.press('join');
      await (code === 20107 || code === 53106 ? tab.reads('problem', words) : tab.reads('status', /^You are in/));
    });
  }
});

it('is served with headers that keep it to itself', async () => {
  const { headers } = await fetch(`${plain.url}/room/abc`);
  const policy = headers.get('content-security-policy');
  for (const part of ["default-src 'none'", "script-src 'self';", "frame-ancestors 'none'", "base-uri 'none'", "form-action 'none'"]) assert.ok(policy.includes(part), part);
  assert.deepEqual(['cross-origin-opener-policy', 'referrer-policy', 'x-content-type-options', 'permissions-policy'].map(name => headers.get(name)),
    ['same-origin', 'no-referrer', 'nosniff', 'camera=(self), microphone=(self), display-capture=(self)']);
});

describe('what it says', () => {
  story('is the same in every language, of every code that Twilio has', async () => {
    const names = fs.readFileSync(require.resolve('twilio-video/lib/util/twilio-video-errors.js'), 'utf8');
    const codes = [...new Set([...names.matchAll(/\b(20\d{3}|53\d{3})\b/g)].map(([code]) => Number(code)))];
    assert.ok(codes.length > 45);
    const tab = await open(`${plain.url}/room/abc`);
    const silent = await tab.page.evaluate(async all => {
      const { languages, problem } = await import('/texts.js');
      const keys = (value, prefix = '') => Object.entries(value).flatMap(([key, inner]) => typeof inner === 'object' ? keys(inner, `${prefix}${key}.`) : prefix + key).sort().join();
      const sets = new Set(Object.values(languages).map(language => keys(language)));
      const unknown = problem({ code: 1 }).words.replace(' (1)', '');
      return { sets: sets.size, codes: all.filter(code => problem({ code }).words.startsWith(unknown)) };
    }, [...codes, 20151, 20157, 53119, 53120, 53123, 53206, 53215, 53216]);
    assert.deepEqual(silent, { sets: 1, codes: [] });
  });

  story('is German for who reads German', async () => {
    const tab = await open(link('ann'), { language: 'de-AT' });
    await tab.enter();
    assert.deepEqual(await tab.said(), ['Du bist im Raum, bisher allein.', '']);
    assert.equal(await tab.page.$eval('html', element => element.lang), 'de');
    assert.equal(await tab.text('leave'), 'Verlassen');
  });
});

describe('in the room', () => {
  const meet = tab => tab.until('sound and picture', () => {
    const media = [...document.querySelectorAll('#people video, #people audio')];
    return media.length === 3 && media.every(element => !element.paused) && media.filter(element => element.videoWidth > 0).length === 2;
  });

  story('two people see, hear and write to each other, and nobody hears themselves', async () => {
    const ann = await inRoom('ann');
    const bob = await inRoom('bob');
    await ann.reads('status', /with one other person/);
    for (const tab of [ann, bob]) await meet(tab);
    const names = tab => tab.page.$$eval('#people .about span:first-child', spans => spans.map(span => span.textContent));
    assert.deepEqual([await names(ann), await names(bob)], [['You', 'bob'], ['You', 'ann']]);

    await twilio.sfu.hears(twilio.member('ann'));
    await ann.page.type('#message', '<b>hello</b>');
    await ann.page.keyboard.press('Enter');
    await bob.reads('messages', /^ann: <b>hello<\/b>$/);
    assert.equal(await ann.text('messages'), 'You: <b>hello</b>');

    await ann.press('microphone');
    await bob.until('the sign that ann is muted', () => /microphone off/.test(document.getElementById('people').textContent));
    assert.equal(await ann.page.$eval('#microphone', element => element.getAttribute('aria-pressed')), 'false');
    await ann.press('microphone');
    await bob.until('the sign to go', () => !/microphone off/.test(document.getElementById('people').textContent));

    await bob.press('leave');
    await ann.reads('status', /alone so far/);
    assert.equal((await names(ann)).length, 1);
  });

  story('the screen is shared, and taken back', async () => {
    const ann = await inRoom('ann');
    const bob = await inRoom('bob');
    for (const tab of [ann, bob]) await meet(tab);
    await ann.press('screen');
    await ann.until('the screen', () => document.querySelector('video[aria-label="You: screen"]')?.videoWidth > 0);
    await bob.until('the screen', () => document.querySelector('video[aria-label="ann: screen"]')?.videoWidth > 0);
    assert.deepEqual(twilio.member('ann').tracks.map(({ name }) => name).sort(), ['camera', 'chat', 'microphone', 'screen']);
    await ann.press('screen');
    await ann.until('the screen to go', () => !document.querySelector('video[aria-label="You: screen"]'));
    await bob.until('the screen to go', () => !document.querySelector('video[aria-label="ann: screen"]'));
    assert.equal(await ann.page.$eval('#screen', element => element.getAttribute('aria-pressed')), 'false');
    assert.deepEqual(twilio.member('ann').tracks.map(({ name }) => name).sort(), ['camera', 'chat', 'microphone']);
  });

  for (const [what, how, status, problem] of [
    ['ended by the server', { status: 'completed' }, /^Not in the room/, /^The room was closed\. \(53118\)$/],
    ['put out', {}, /^Not in the room/, /^You were taken out of the room\.$/],
    ['joined from elsewhere', { code: 53205 }, /^Not in the room/, /joined from somewhere else.*53205/]]) {
    story(`${what} is told apart from leaving`, async () => {
      const tab = await inRoom('ann');
      twilio.putOut('ann', how);
      await tab.reads('status', status);
      await tab.reads('problem', problem);
      assert.equal(await tab.isShown('call'), false);
      await tab.until('the camera to be let go', () => !document.querySelector('video, audio'));
      assert.equal(await tab.page.evaluate(() => document.activeElement.id), 'join');
    });
  }

  story('a connection that breaks is made again', async () => {
    const tab = await inRoom('ann');
    twilio.deaf = true;
    twilio.cut();
    await tab.reads('status', /Reconnecting/);
    twilio.deaf = false;
    twilio.cut();
    await tab.reads('status', /^You are in the room, alone so far/);
  });

  story('a reconnect with a token that has expired is the end of it, in words', async () => {
    const tab = await inRoom('ann');
    twilio.refuseSync = 20104;
    twilio.cut();
    await tab.reads('problem', /has expired.*20104/);
  });

  story('a camera that is pulled out is told of, and the call goes on', async () => {
    const ann = await inRoom('ann');
    await ann.page.evaluate(() => {
      const [track] = document.querySelector('#people video').srcObject.getVideoTracks();
      track.stop();
      track.dispatchEvent(new Event('ended'));
    });
    await ann.reads('problem', /^Camera: it cannot be used\.$/);
    assert.deepEqual([await ann.isShown('camera'), await ann.isShown('microphone')], [false, true]);
  });

  story('who presses Leave while they join does not get in', async () => {
    const let_in = Promise.withResolvers?.() ?? (() => { const it = {}; it.promise = new Promise(done => { it.resolve = done; }); return it; })();
    twilio.admit = async text => { await let_in.promise; return admit(text); };
    const tab = await open(link('ann'));
    await tab.reads('status', /^Ready/);
    await tab.press('join');
    await tab.reads('status', /^Joining/);
    await tab.page.waitForFunction(() => !document.getElementById('leave').hidden);
    twilio.deaf = true;
    await tab.press('leave');
    await tab.reads('status', /^You have left/);
    let_in.resolve();
  });

  story('a screen is asked for once, however often the button is pressed', async () => {
    const ann = await inRoom('ann');
    await ann.page.evaluate(() => { document.getElementById('screen').click(); document.getElementById('screen').click(); });
    await ann.until('the screen', () => document.querySelector('video[aria-label="You: screen"]')?.videoWidth > 0);
    assert.equal(twilio.member('ann').tracks.filter(({ name }) => name === 'screen').length, 1);
  });

  story('who closes the window has left', async () => {
    const tab = await inRoom('ann');
    await tab.page.goto('about:blank');
    for (let tries = 0; twilio.gone !== 'ann'; tries++) {
      assert.ok(tries < 200, 'ann is still there');
      await new Promise(done => setTimeout(done, 50));
    }
  });
});

describe('devices', () => {
  for (const [what, media, words] of [
    ['are missing', ['--use-fake-ui-for-media-stream'], 'Microphone: none was found. Camera: none was found.'],
    ['are forbidden', ['--use-fake-device-for-media-stream', '--deny-permission-prompts'], 'Microphone: the browser was not allowed to use it. Camera: the browser was not allowed to use it.']]) {
    story(`that ${what} keep nobody out`, async () => {
      const other = await launch(port, media);
      const { sfu } = twilio;
      try {
        twilio.sfu = await Sfu.start(other);
        const tab = await (await open(link('ann'), { browser: other })).enter();
        assert.equal(await tab.text('problem'), words);
        assert.deepEqual([await tab.isShown('microphone'), await tab.isShown('camera'), await tab.isShown('leave')], [false, false, true]);
      } finally {
        twilio.sfu = sfu;
        await other.close();
      }
    });
  }
});

describe('without a token the backend is asked', () => {
  async function at(functions, tell) {
    const there = await site(functions);
    try {
      await tell(there, options => open(`${there.url}/room/abc`, options));
    } finally {
      there.close();
    }
  }
  const let_in = (identity, may) => [200, { token: token(identity), ...may ? { may } : {} }];

  story('which knows who it is, and may take its time', () => {
    const answers = [refusal(503, 'not-ready'), refusal(503, 'paused'), let_in('ann')];
    return at({ videoroom_join: () => answers.shift() }, async (there, visit) => {
      const tab = await visit();
      await tab.reads('problem', /^The room is being made ready\.$/);
      await tab.reads('problem', /^The video service is not answering at the moment\.$/);
      await tab.enter();
      assert.deepEqual(there.asked, Array(3).fill(['videoroom_join', { room_id: 'abc' }]));
    });
  });

  story('and where the room is not open yet, there is a countdown', () => {
    const opensAt = Date.now() + 4000;
    return at({ videoroom_join: () => Date.now() < opensAt ? refusal(403, 'not-open', { opens_at: new Date(opensAt).toISOString() }) : let_in('ann') }, async (there, visit) => {
      const tab = await visit();
      await tab.reads('status', /^The room opens at /);
      await tab.reads('timer', /^In 00:00:0[1-4]$/);
      await tab.enter();
      assert.equal(await tab.isShown('timer'), false);
    });
  });

  for (const [status, reason, words] of [
    [401, 'no-claim', 'Sign in first.'], [403, 'not-participant', 'You are not invited to this room.'], [403, 'removed', 'You were taken out of this room.'],
    [404, 'unknown', 'There is no such room.'], [404, 'cancelled', 'The booking was cancelled.'], [404, 'over', 'This room is over.']]) {
    story(`and refuses in words: ${status} ${reason}`, () => at({ videoroom_join: () => refusal(status, reason) }, async (there, visit) => {
      const tab = await visit();
      await tab.reads('problem', new RegExp(words.replace('.', '\\.')));
      assert.deepEqual(await tab.said(), ['Not in the room.', words]);
    }));
  }

  story('again and again while it cannot be reached', () => {
    const answers = [[502, {}], let_in('ann')];
    return at({ videoroom_join: () => answers.shift() }, async (there, visit) => {
      const tab = await visit();
      await tab.reads('problem', /^The server cannot be reached\.$/);
      await tab.enter();
    });
  });

  story('for another token when somebody joins again, and not before', () => {
    let gone = false;
    return at({ videoroom_join: () => gone ? refusal(403, 'removed') : let_in('ann') }, async (there, visit) => {
      const tab = await visit();
      await tab.enter();
      await tab.press('leave');
      await tab.reads('status', /^You have left/);
      assert.equal(there.asked.length, 1);
      await tab.press('join');
      await tab.reads('status', /^You are in/);
      assert.equal(there.asked.length, 2);
      gone = true;
      twilio.putOut('ann');
      await tab.reads('problem', /^You were taken out of the room\.$/);
      await tab.press('join');
      await tab.reads('problem', /^You were taken out of this room\.$/);
    });
  });

  story('at most once in three seconds, whatever the clock of the device says', () => {
    const opensAt = new Date(Date.now() + 2000).toISOString();
    return at({ videoroom_join: () => refusal(403, 'not-open', { opens_at: opensAt }) }, async (there, visit) => {
      const tab = await visit({ prepare: page => page.evaluateOnNewDocument(() => { const now = Date.now; Date.now = () => now() + 600_000; }) });
      await tab.until('three questions', () => performance.getEntriesByType('resource').filter(({ name }) => /rpc/.test(name)).length >= 3);
      const times = await tab.page.evaluate(() => performance.getEntriesByType('resource').filter(({ name }) => /rpc/.test(name)).map(({ startTime }) => startTime));
      assert.ok(times[2] - times[0] > 4000, `${times}`);
    });
  });

  story('and what it gave is forgotten with the page: whoever signs in next is themselves', () => {
    let who = 'ann';
    return at({ videoroom_join: () => let_in(who, ['end']) }, async (there, visit) => {
      const tab = await visit();
      await tab.enter();
      assert.equal(await tab.isShown('end'), true);
      who = 'bob';
      await tab.page.reload();
      await tab.enter();
      assert.equal(await tab.isShown('end'), true);
      assert.deepEqual(twilio.members.map(({ me }) => me.identity), ['bob']);
    });
  });

  story('what this person may do, and does it', () => {
    let ending;
    const functions = {
      videoroom_join: () => let_in('ann', ['end', 'remove']),
      videoroom_remove_participant: ({ user_id }) => { twilio.putOut(user_id); return [200, null]; },
      videoroom_end: () => { ending = 1; twilio.putOut('ann', { status: 'completed' }); return [200, null]; },
    };
    return at(functions, async (there, visit) => {
      const ann = await (await visit()).enter();
      ann.page.on('dialog', dialog => dialog.accept());
      const bob = await inRoom('bob');
      assert.equal(await bob.isShown('end'), false);
      assert.equal(await bob.page.$$eval('#people button', buttons => buttons.length), 0);
      await ann.page.waitForSelector('#people button');
      await ann.page.click('#people button');
      await bob.reads('problem', /^You were taken out of the room\.$/);
      assert.deepEqual(there.asked.at(-1), ['videoroom_remove_participant', { room_id: 'abc', user_id: 'bob' }]);
      await ann.press('end');
      await ann.reads('problem', /^The room was closed/);
      assert.equal(ending, 1);
    });
  });
});

describe('for everybody', () => {
  const axe = fs.readFileSync(require.resolve('axe-core/axe.min.js'), 'utf8');
  const judged = async tab => {
    await tab.page.evaluate(axe);
    const { violations } = await tab.page.evaluate(() => window.axe.run());
    return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 80)).join(' ')}`);
  };

  for (const scheme of ['light', 'dark']) {
    story(`axe finds nothing, ready, inside and out, ${scheme}`, async () => {
      const tab = await open(link('ann'), { prepare: async page => {
        await page.setBypassCSP(true);
        await page.emulateMediaFeatures([{ name: 'prefers-color-scheme', value: scheme }]);
      } });
      await tab.reads('status', /^Ready/);
      assert.deepEqual(await judged(tab), []);
      await tab.enter();
      await tab.page.type('#message', 'hello');
      await tab.page.keyboard.press('Enter');
      assert.deepEqual(await judged(tab), []);
      twilio.putOut('ann', { code: 53205 });
      await tab.reads('problem', /elsewhere|53205/);
      assert.deepEqual(await judged(tab), []);
    });
  }

  story('the keyboard is enough', async () => {
    const tab = await open(link('ann'));
    await tab.reads('status', /^Ready/);
    await tab.page.keyboard.press('Enter');   // Join has the focus
    await tab.reads('status', /^You are in/);
    assert.equal(await tab.page.evaluate(() => document.activeElement.id), 'people-title');
    const reached = [];
    for (let i = 0; i < 8; i++) {
      await tab.page.keyboard.press('Tab');
      reached.push(await tab.page.evaluate(() => document.activeElement.id || document.activeElement.tagName));
    }
    for (const id of ['message', 'BUTTON']) assert.ok(reached.includes(id), `${id} among ${reached}`);
    await tab.page.keyboard.down('Shift');
    while (await tab.page.evaluate(() => document.activeElement.id !== 'leave')) await tab.page.keyboard.press('Tab');
    await tab.page.keyboard.up('Shift');
    await tab.page.keyboard.press('Enter');
    await tab.reads('status', /^You have left/);
  });

  story('a narrow phone needs no sideways scrolling, and nothing moves for who wants it still', async () => {
    const tab = await open(link('ann'), { language: 'de', prepare: async page => {
      await page.setViewport({ width: 320, height: 568 });
      await page.emulateMediaFeatures([{ name: 'prefers-reduced-motion', value: 'reduce' }]);
    } });
    await tab.enter();
    assert.ok(await tab.page.evaluate(() => document.documentElement.scrollWidth <= 320));
    const moving = await tab.page.$$eval('*', elements => elements.map(element => getComputedStyle(element)).filter(style => style.transitionProperty !== 'none' || style.animationName !== 'none').length);
    assert.equal(moving, 0);
  });
});
