#!/usr/bin/env bash
# twilio-video 2.36.0, loaded in a browser under a Content-Security-Policy whose script-src has no 'unsafe-eval', is not there: its
# lib/util/dynamicimport.js compiles a function from a text while the library loads, the policy forbids that, and the global Twilio stays
# undefined. 2.35.0 has such a text too, and compiles it only once a noise-cancelling plugin is asked for, so it loads under the same
# policy. The major version did not change, and what loads is the same for who has no policy.
#
# Needs npm and Node.js. Takes both versions from the npm registry into a temporary folder and loads each as a browser would that
# forbids code from texts: in a context of node:vm with codeGeneration.strings off. Exits 0 while it is as described. With a version as
# its argument it says of that one whether it is fine: findings/twilio-video-unsafe-eval.sh 2.37.0
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder"

# What a page's global is after the library's file for browsers has run: "object", or the error.
load() {
    mkdir "$1"
    npm install --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel error "twilio-video@$1" >/dev/null
    node - "$1/node_modules/twilio-video/dist/twilio-video.min.js" <<'JS'
const vm = require('node:vm');
const code = require('node:fs').readFileSync(process.argv[2], 'utf8');
const nothing = () => undefined;
const page = { console, setTimeout, clearTimeout, setInterval, clearInterval, URL, WebSocket: class {}, addEventListener: nothing, removeEventListener: nothing,
  navigator: { userAgent: 'Mozilla/5.0 Chrome/150.0.0.0', mediaDevices: { addEventListener: nothing } }, location: { href: 'https://app.example/', protocol: 'https:', hostname: 'app.example' },
  performance, document: { addEventListener: nothing, createElement: () => ({ canPlayType: nothing, style: {} }), documentElement: {}, visibilityState: 'visible' } };
for (const name of ['RTCPeerConnection', 'RTCSessionDescription', 'RTCIceCandidate', 'MediaStream', 'MediaStreamTrack', 'RTCRtpTransceiver', 'RTCRtpSender', 'RTCRtpReceiver', 'HTMLElement', 'Event', 'EventTarget']) page[name] = class {};
page.self = page.window = page.globalThis = page;
try {
  vm.runInNewContext(code, page, { contextCodeGeneration: { strings: false, wasm: false } });
  console.log(typeof page.Twilio?.Video?.connect === 'function' ? 'loads' : 'does not load: no Twilio.Video');
} catch (error) {
  console.log(`does not load: ${error.name}: ${error.message}`);
}
JS
}

if [ $# -gt 0 ]; then
    echo "twilio-video $1 $(load "$1")"
    exit
fi
old=$(load 2.35.0)
new=$(load 2.36.0)
echo "twilio-video 2.35.0 $old"
echo "twilio-video 2.36.0 $new"
[ "$old" = loads ] || { echo "2.35.0 is not as described"; exit 1; }
[[ $new == "does not load: EvalError: "* ]] || { echo "2.36.0 is not as described"; exit 1; }
