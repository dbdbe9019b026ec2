// For demo.sh: the room page, and the part of Twilio that a browser talks to, on top of the simulator.
//   node page.js serve SIMULATOR        serves the page until the simulator ends; says where, and on which port signalling is
//   node page.js visit PORT LINK PNG    opens a link in a browser without a window, joins, takes a picture, leaves; says what the page says
'use strict';
const { certificate, launch, site, Tab } = require('../../test/page/world');
const { Bridge } = require('../../test/page/bridge');

async function serve(simulator) {
  const bridge = new Bridge(simulator, certificate());
  const port = await bridge.listen();
  const { url } = await site();
  console.log(`listening on ${url} signalling ${port}`);
  await bridge.tellMembers().catch(() => process.exit());
  process.exit();
}

async function visit(port, link, picture) {
  const browser = await launch(port);
  const tab = await Tab.open(browser, link);
  await tab.enter();
  await tab.page.screenshot({ path: picture });
  console.log(await tab.text('status'));
  await tab.press('leave');
  await tab.reads('status', /^You have left/);
  await browser.close();
}

const [what, ...given] = process.argv.slice(2);
({ serve, visit })[what](...given).catch(error => {
  console.error(error.message);
  process.exit(1);
});
