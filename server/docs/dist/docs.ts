/**
 * The manuals as pages, made by `deno task docs` out of server/docs/. Do not edit.
 *
 * @module
 */

/** Each file by its name below /docs; `index` is /docs itself. */
export const DOCS: Readonly<Record<string, string>> = {
  "index": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Manuals · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs" aria-current="page">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#use-it">Use it</a></li>
<li class="depth-2"><a href="#run-it">Run it</a></li>
<li class="depth-2"><a href="#watch-it">Watch it</a></li>
<li class="depth-2"><a href="#change-it">Change it</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Manuals</h1>
<p>Systole is a WebSocket hub that is built around heartbeats. Clients of five heartbeat systems
connect without changes; publish and subscribe work across all five.</p>
<h2 id="use-it">Use it<a class="anchor" href="#use-it" aria-label="Link to this section">#</a></h2>
<ul>
<li><a href="/docs/comparison">Comparison</a>: when to use something else, heartbeats and cost beside others.</li>
<li><a href="/docs/performance">Performance</a>: what is measured beside which servers, how to repeat it, the
figures.</li>
<li><a href="/docs/messages">Messages</a>: how a request selects one of the five profiles, and each profile&#39;s wire
format.</li>
<li><a href="/docs/delivery">Delivery</a>: what is promised of a message, what a client that returns gets, and what
is not promised.</li>
<li><a href="/docs/sdk">Client library</a>: <code>HeartbeatSocket</code>, a <code>WebSocket</code> that sends heartbeats, reconnects and
restores subscriptions.</li>
<li><a href="/docs/recipes">Recipes</a>: nginx and Caddy in front, tokens in five languages, React, rxjs,
graphql-ws, a hub inside your own program.</li>
<li><a href="/docs/http">HTTP routes and the live page</a>: publish from a backend, look at connections, watch the
hub.</li>
<li><a href="/docs/probe">Probe</a>: <code>ping</code> for WebSockets, for any server.</li>
</ul>
<h2 id="run-it">Run it<a class="anchor" href="#run-it" aria-label="Link to this section">#</a></h2>
<ul>
<li><a href="/docs/options">Options</a>: every environment variable, with its unit, default and meaning.</li>
<li><a href="/docs/keys">Keys, rights and limits</a>: credentials, what a key may do, suspension, threats.</li>
<li><a href="/docs/deploy">Deployment</a>: proxies, TLS, service managers, several processes, Deno Deploy, shutdown.</li>
<li><a href="/docs/scaling">One process or several</a>: what one process carries, what several share, what is
guaranteed, what each failure means.</li>
<li><a href="/docs/capacity">Capacity</a>: how many nodes and how much Redis for ten thousand, a million, ten
million connections.</li>
</ul>
<h2 id="watch-it">Watch it<a class="anchor" href="#watch-it" aria-label="Link to this section">#</a></h2>
<ul>
<li><a href="/docs/liveness">Liveness and health</a>: what counts as a sign of life, how a dead peer is found, how a
connection ends.</li>
<li><a href="/docs/metrics">Metrics and alerts</a>: every metric, what it means and what to do about it.</li>
</ul>
<h2 id="change-it">Change it<a class="anchor" href="#change-it" aria-label="Link to this section">#</a></h2>
<ul>
<li><a href="/docs/architecture">Architecture</a>: folders, layers, the way of a frame, where to add things, the
glossary.</li>
<li><a href="/docs/contributing">Contributing</a>: how a change is made, tested and released.</li>
<li><a href="/docs/changelog">Changelog</a>: what changed for clients and operators.</li>
</ul>
</main>
</div>
</body>
</html>
`,
  "messages": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Messages · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages" aria-current="page">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#how-a-request-selects-a-profile">How a request selects a profile</a></li>
<li class="depth-2"><a href="#payloads">Payloads</a></li>
<li class="depth-2"><a href="#json">json</a></li>
<li class="depth-3"><a href="#a-connection-that-replaces-another-one">A connection that replaces another one</a></li>
<li class="depth-3"><a href="#new-tokens">New tokens</a></li>
<li class="depth-3"><a href="#history">History</a></li>
<li class="depth-3"><a href="#presence">Presence</a></li>
<li class="depth-2"><a href="#events-hub">events-hub</a></li>
<li class="depth-2"><a href="#infoway">infoway</a></li>
<li class="depth-2"><a href="#tank">tank</a></li>
<li class="depth-2"><a href="#talo">talo</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Messages</h1>
<p>Five profiles speak five wire formats. The upgrade request selects the profile.</p>
<h2 id="how-a-request-selects-a-profile">How a request selects a profile<a class="anchor" href="#how-a-request-selects-a-profile" aria-label="Link to this section">#</a></h2>
<p>The first match wins.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>upgrade request</th><th>profile</th></tr></thead>
<tbody>
<tr><td><code>/ws/json</code>, <code>/ws/events-hub</code>, <code>/ws/infoway</code>, <code>/ws/tank</code>, <code>/ws/talo</code></td><td>the one that it names</td></tr>
<tr><td><code>/api/v1/ws/subscribe</code></td><td>events-hub</td></tr>
<tr><td><code>/ws</code> with <code>business</code>, or <code>/news</code></td><td>infoway</td></tr>
<tr><td><code>/ws</code> with <code>user_id</code> or <code>token</code></td><td>tank</td></tr>
<tr><td>any path with <code>ticket</code></td><td>talo</td></tr>
<tr><td><code>/</code>, <code>/socket</code>, <code>/ws</code> otherwise</td><td><code>DEFAULT_PROFILE</code> (json)</td></tr>
</tbody>
</table></div>
<p>A publication reaches the subscribers of its channel in every system, each in the envelope of that
system. Clients of json and tank subscribe to any channel; the others only to channels of their own
kinds, which the sections below name. A backend publishes over HTTP:</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">curl -X POST http://127.0.0.1:8080/api/v1/publish -H 'Content-Type: application/json' \\
  -d '{&quot;channel&quot;:&quot;trade/BTCUSDT&quot;,&quot;data&quot;:{&quot;p&quot;:&quot;91000.5&quot;}}'</code></pre></div>
<h2 id="payloads">Payloads<a class="anchor" href="#payloads" aria-label="Link to this section">#</a></h2>
<p>The data of a publication is one JSON text, and the hub passes it on as it was written: every
subscriber gets the same bytes that the publisher sent, without the white space around them.
<code>12345678901234567890</code>, <code>1e400</code>, <code>-0</code> and <code>1.0</code>, escapes, the order of members and members that are
repeated inside <code>data</code> arrive unchanged; what they mean is for the subscriber&#39;s parser to say. (In
JavaScript, numbers beyond 2^53 lose digits when a subscriber parses them.) The hub only checks that
the text is JSON in UTF-8, with at most 500 nested arrays and objects, the envelope counted.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>profile</th><th>what carries the data</th></tr></thead>
<tbody>
<tr><td>json</td><td><code>data</code>: the JSON text</td></tr>
<tr><td>events-hub</td><td><code>body</code>: the JSON text; of <code>{&quot;message&quot;:&quot;STOPPED&quot;,&quot;body&quot;:1}</code> both members, each as it was written</td></tr>
<tr><td>infoway</td><td><code>data</code>: the JSON text</td></tr>
<tr><td>tank</td><td><code>data</code>, a string: the data itself if it is a string, as it was written; otherwise its JSON text</td></tr>
<tr><td>talo</td><td><code>players/&lt;n&gt;</code>: <code>data</code>, the JSON text; <code>channels/&lt;n&gt;</code>: <code>message</code>, a string in the same way as tank&#39;s</td></tr>
</tbody>
</table></div>
<p>What a talo client publishes is the JSON text of its <code>message</code>. What a tank client relays is no JSON
to the hub: it goes to other tank clients as it is.</p>
<p>The frames in the tables below are examples. A test sends every frame of a column &quot;client sends&quot; to
a server and requires that its profile accepts it.</p>
<h2 id="json">json<a class="anchor" href="#json" aria-label="Link to this section">#</a></h2>
<p>The native format: one JSON object in each text frame, told apart by <code>type</code>. The hub answers in the
order of the requests.</p>
<div class="scroll" tabindex="0"><pre><code class="language-console">$ npx -y wscat -c ws://127.0.0.1:8080/ws
&lt; {&quot;type&quot;:&quot;welcome&quot;,&quot;clientId&quot;:&quot;e8a6e2ff-6c71-4eec-95c9-56fb99383258&quot;,&quot;pingPeriodMs&quot;:54000,&quot;pongWaitMs&quot;:60000}
&gt; {&quot;type&quot;:&quot;subscribe&quot;,&quot;channel&quot;:&quot;news&quot;}
&lt; {&quot;type&quot;:&quot;subscribed&quot;,&quot;channel&quot;:&quot;news&quot;,&quot;epoch&quot;:&quot;…&quot;,&quot;offset&quot;:0}
&gt; {&quot;type&quot;:&quot;publish&quot;,&quot;channel&quot;:&quot;news&quot;,&quot;data&quot;:[1,null],&quot;id&quot;:&quot;p1&quot;}
&lt; {&quot;type&quot;:&quot;message&quot;,&quot;channel&quot;:&quot;news&quot;,&quot;data&quot;:[1,null],&quot;timestamp&quot;:1795232557603,&quot;offset&quot;:1}
&lt; {&quot;type&quot;:&quot;published&quot;,&quot;channel&quot;:&quot;news&quot;,&quot;id&quot;:&quot;p1&quot;,&quot;epoch&quot;:&quot;…&quot;,&quot;offset&quot;:1}</code></pre></div>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>client sends</th><th>answer</th></tr></thead>
<tbody>
<tr><td><code>{&quot;type&quot;:&quot;ping&quot;,&quot;timestamp&quot;:1,&quot;id&quot;:&quot;a&quot;}</code></td><td><code>{&quot;type&quot;:&quot;pong&quot;,&quot;id&quot;:&quot;a&quot;,&quot;timestamp&quot;:1,&quot;serverTime&quot;:1795232557603}</code> at once; <code>id</code> is optional</td></tr>
<tr><td><code>{&quot;type&quot;:&quot;pong&quot;,&quot;id&quot;:&quot;a&quot;,&quot;clientTime&quot;:1}</code></td><td>none: it answers the server&#39;s ping</td></tr>
<tr><td><code>{&quot;type&quot;:&quot;subscribe&quot;,&quot;channel&quot;:&quot;news&quot;}</code></td><td><code>{&quot;type&quot;:&quot;subscribed&quot;,&quot;channel&quot;:&quot;news&quot;}</code>, also when it was subscribed already</td></tr>
<tr><td><code>{&quot;type&quot;:&quot;unsubscribe&quot;,&quot;channel&quot;:&quot;news&quot;}</code></td><td><code>{&quot;type&quot;:&quot;unsubscribed&quot;,&quot;channel&quot;:&quot;news&quot;}</code>, also when it was not subscribed</td></tr>
<tr><td><code>{&quot;type&quot;:&quot;publish&quot;,&quot;channel&quot;:&quot;news&quot;,&quot;data&quot;:1,&quot;id&quot;:&quot;p1&quot;}</code></td><td><code>{&quot;type&quot;:&quot;published&quot;,&quot;channel&quot;:&quot;news&quot;,&quot;id&quot;:&quot;p1&quot;}</code> if there is an <code>id</code></td></tr>
<tr><td><code>{&quot;type&quot;:&quot;history&quot;,&quot;channel&quot;:&quot;old&quot;,&quot;last&quot;:50,&quot;id&quot;:&quot;h1&quot;}</code></td><td><code>{&quot;type&quot;:&quot;history&quot;,&quot;channel&quot;:&quot;old&quot;,&quot;epoch&quot;:&quot;…&quot;,&quot;offset&quot;:0,&quot;messages&quot;:[],&quot;more&quot;:false,&quot;id&quot;:&quot;h1&quot;}</code>: see <a href="#history">History</a></td></tr>
<tr><td><code>{&quot;type&quot;:&quot;presence&quot;,&quot;channel&quot;:&quot;room&quot;,&quot;id&quot;:&quot;m1&quot;}</code></td><td><code>{&quot;type&quot;:&quot;presence&quot;,&quot;channel&quot;:&quot;room&quot;,&quot;count&quot;:0,&quot;members&quot;:[],&quot;more&quot;:false,&quot;id&quot;:&quot;m1&quot;}</code>: see <a href="#presence">Presence</a></td></tr>
<tr><td><code>v1.heartbeat</code></td><td>the same text</td></tr>
</tbody>
</table></div>
<p>A pong repeats <code>id</code> and <code>timestamp</code> as they were written, and an acknowledgement its <code>id</code>.</p>
<p>A message in which a member of this format (<code>type</code>, <code>channel</code>, <code>data</code>, <code>id</code>, <code>timestamp</code>,
<code>clientTime</code>, <code>token</code>, <code>since</code>, <code>last</code>, <code>session</code>, <code>presence</code>, <code>member</code>, <code>info</code>) is repeated, or
written with an escape in its name (<code>&quot;\\u0064ata&quot;</code>), is refused with <code>bad_message</code>: programs do not
agree on what it means. Other members are ignored, repeated or not.</p>
<p>With <code>ECHO=true</code> the answer to any other JSON is <code>{&quot;type&quot;:&quot;echo&quot;,&quot;data&quot;:{},&quot;timestamp&quot;:1}</code> with the
received text as <code>data</code>. Otherwise the answer is
<code>{&quot;type&quot;:&quot;error&quot;,&quot;code&quot;:&quot;unknown_type&quot;,&quot;message&quot;:&quot;…&quot;}</code> (with the request&#39;s <code>id</code> if there is one),
and the connection stays open. The error codes are <code>bad_json</code>, <code>binary_not_supported</code> (a binary
frame that is not JSON in UTF-8), <code>bad_message</code>, <code>unknown_type</code>, <code>bad_channel</code>, <code>forbidden</code>,
<code>too_many_subscriptions</code>, <code>already_subscribed</code>, <code>history_off</code>, <code>too_large</code>, <code>busy</code>, <code>unavailable</code>,
and of a refresh also <code>unauthorized</code> and <code>too_many_refreshes</code>.</p>
<p>While most subscribers of a channel are more than half a send queue behind, what is published there
waits, and nothing more is read from its publisher. After a second it is refused with <code>busy</code>, which
has an <code>afterMs</code>, and with 429 over HTTP; it is then delivered to nobody. One slow subscriber among
others holds nobody. <code>unavailable</code>, with an <code>afterMs</code>, is the answer where several processes are one
hub and what connects them does not answer: a hub of one process never gives it.</p>
<p>The <code>id</code> of a <code>publish</code>, at most 128 characters, names the publication, so that it can be sent again
when its answer was lost: a repeat is not delivered, and its answer has the place of the first and
<code>&quot;duplicate&quot;:true</code>. The id counts within the channel and the connection; with a
<code>&quot;session&quot;:&quot;&lt;16 to 64 characters&gt;&quot;</code>, which should be random, within the session and the user (key or
token), on whichever connection. A repeat is known for <code>DEDUPE_MS</code>. <code>&quot;degraded&quot;:true</code> in the answer
says that several processes are one hub, and only the subscribers of this one got it
(<a href="/docs/delivery#while-redis-is-away">Delivery</a>).</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>server sends</th><th>when</th></tr></thead>
<tbody>
<tr><td><code>{&quot;type&quot;:&quot;welcome&quot;,&quot;clientId&quot;:&quot;…&quot;,&quot;pingPeriodMs&quot;:54000,&quot;pongWaitMs&quot;:60000}</code></td><td>first</td></tr>
<tr><td>a control ping and <code>{&quot;type&quot;:&quot;ping&quot;,&quot;id&quot;:&quot;…&quot;,&quot;timestamp&quot;:1795232557603}</code></td><td>every ping period; the first one at a random point of the second half of the first period</td></tr>
<tr><td><code>{&quot;type&quot;:&quot;message&quot;,&quot;channel&quot;:&quot;news&quot;,&quot;data&quot;:1,&quot;timestamp&quot;:1795232557603}</code></td><td>for each publication on a subscribed channel, the client&#39;s own included</td></tr>
<tr><td><code>{&quot;type&quot;:&quot;health_status&quot;,&quot;status&quot;:&quot;degraded&quot;,&quot;latency&quot;:210,&quot;jitter&quot;:12}</code></td><td>when the <a href="/docs/liveness#health">health</a> of the connection has changed; ms</td></tr>
<tr><td><code>{&quot;type&quot;:&quot;expiring&quot;,&quot;afterMs&quot;:30000}</code></td><td>when the connection&#39;s token ends so soon, see <a href="#new-tokens">New tokens</a></td></tr>
<tr><td><code>{&quot;type&quot;:&quot;unsubscribed&quot;,&quot;channel&quot;:&quot;news&quot;,&quot;reason&quot;:&quot;forbidden&quot;}</code></td><td>when a new token does not allow a subscription any more</td></tr>
<tr><td><code>{&quot;type&quot;:&quot;reconnect&quot;,&quot;afterMs&quot;:2500,&quot;reason&quot;:&quot;drain&quot;}</code></td><td>when the client should open a new connection after this time: the server restarts (<code>drain</code>; the time is the client&#39;s <a href="/docs/deploy#slots">slot</a>, and the connection stays open for a second longer or until it is closed), or the connection is <code>poor</code> or <code>critical</code></td></tr>
<tr><td><code>{&quot;type&quot;:&quot;gap&quot;,&quot;channel&quot;:&quot;news&quot;,&quot;epoch&quot;:&quot;…&quot;,&quot;offset&quot;:41}</code></td><td>when messages are gone: the subscription goes on with offset 42</td></tr>
<tr><td><code>joined</code>, <code>left</code>, <code>members</code></td><td>when somebody comes to or leaves a channel, see <a href="#presence">Presence</a></td></tr>
</tbody>
</table></div>
<p><code>data</code> is any JSON value, see <a href="#payloads">Payloads</a>. <code>channel</code> is any string of 1 to 256 characters.
Only a complete message, ping or pong is a sign of life; a fragment or a part of a frame is none.</p>
<h3 id="a-connection-that-replaces-another-one">A connection that replaces another one<a class="anchor" href="#a-connection-that-replaces-another-one" aria-label="Link to this section">#</a></h3>
<p>A client that is to move to a new connection (<code>reconnect</code>) can open it while the old one stays open:
it adds <code>?replaces=&lt;clientId&gt;</code> to the address, with the <code>clientId</code> of the old <code>welcome</code>. The limits
of connections <a href="/docs/keys#limits">by address and by key</a> then count the two once, for 10 s at most. An
id that is not that of an open connection of the same user has no effect: by key the connection may
be on any <a href="/docs/deploy#several-processes">process of the hub</a>, by address on this one. Everything else
is the client&#39;s part: it subscribes on the new connection with the positions that it has, drops what
comes twice, and closes the old one. The <a href="/docs/sdk#moves">client library</a> does so by itself.</p>
<h3 id="new-tokens">New tokens<a class="anchor" href="#new-tokens" aria-label="Link to this section">#</a></h3>
<p>A client that connected with a <a href="/docs/keys#tokens">token</a> sends a new one before the old one ends, and
the connection goes on with the rights and the end of the new one:
<code>{&quot;type&quot;:&quot;refresh&quot;,&quot;token&quot;:&quot;eyJhbGciOi…&quot;,&quot;id&quot;:&quot;r1&quot;}</code>. <code>id</code> is optional, and repeated in an error.
The check takes a moment: answers to later requests may come before this one&#39;s.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>answer</th><th>meaning</th></tr></thead>
<tbody>
<tr><td><code>{&quot;type&quot;:&quot;refreshed&quot;,&quot;expiresAt&quot;:1795232557000}</code></td><td>accepted; when it ends, wall-clock ms. An <code>unsubscribed</code> follows for each channel that it does not allow</td></tr>
<tr><td><code>{&quot;type&quot;:&quot;error&quot;,&quot;code&quot;:&quot;unauthorized&quot;,&quot;message&quot;:&quot;the token has expired&quot;}</code></td><td>it is no valid token; the last one holds</td></tr>
<tr><td><code>{&quot;type&quot;:&quot;error&quot;,&quot;code&quot;:&quot;forbidden&quot;,&quot;message&quot;:&quot;…&quot;}</code></td><td>it has another <code>sub</code>, or the connection was not opened with a token</td></tr>
<tr><td><code>{&quot;type&quot;:&quot;error&quot;,&quot;code&quot;:&quot;bad_message&quot;,&quot;message&quot;:&quot;…&quot;}</code></td><td>it ends no later than the present one, or the frame has no <code>token</code></td></tr>
<tr><td><code>{&quot;type&quot;:&quot;error&quot;,&quot;code&quot;:&quot;too_many_refreshes&quot;,&quot;message&quot;:&quot;…&quot;,&quot;afterMs&quot;:600}</code></td><td>less than a second after the last one; the first answer to an <code>expiring</code> is never too early</td></tr>
</tbody>
</table></div>
<p>A refresh is never echoed and does not count for the minute of the key.</p>
<h3 id="history">History<a class="anchor" href="#history" aria-label="Link to this section">#</a></h3>
<p>A channel keeps its last messages (<code>HISTORY_MESSAGES</code>), whichever profile or route they were
published by. Its messages have offsets, consecutive from 1 within an <code>epoch</code>; what is promised of
them is in <a href="/docs/delivery">Delivery</a>. A channel without a history has neither: <code>HISTORY_MESSAGES=0</code>, a
channel that <code>HISTORY_CHANNELS</code> leaves out, and those of the hub (<code>systole/…</code>).</p>
<ul>
<li><code>subscribe</code> may have <code>&quot;since&quot;:{&quot;epoch&quot;:&quot;…&quot;,&quot;offset&quot;:41}</code>, the last message that the client has,
and <code>&quot;last&quot;:50</code>. The answer is
<code>{&quot;type&quot;:&quot;subscribed&quot;,&quot;channel&quot;:&quot;news&quot;,&quot;epoch&quot;:&quot;…&quot;,&quot;offset&quot;:44,&quot;recovered&quot;:true}</code>: <code>offset</code> is
that of the newest message, 0 before the first one. The messages 42 to 44 follow as ordinary
<code>message</code> frames in order, then what is new.</li>
<li><code>recovered</code> comes with <code>since</code> alone. True: all that followed comes now, also when nothing did.
False: that cannot be promised, and nothing is replayed unless <code>last</code> asks for it; on a channel
without a history it is always false. <code>last</code> counts only where nothing is recovered by <code>since</code>.</li>
<li><code>unsubscribe</code> ends a replay. On a channel already subscribed <code>since</code> or <code>last</code> is
<code>already_subscribed</code>; without them the answer during a replay has the offset of the last message
that was replayed.</li>
<li><code>history</code> reads without a subscription: the messages after <code>since</code>, the <code>last</code> so many, or all
that are kept, the oldest first, at most 256 KiB of data or one message. With <code>&quot;more&quot;:true</code> ask
again with the last offset as <code>since</code>. It needs the right to subscribe, and an <code>id</code>, a string. A
message in it is <code>{&quot;offset&quot;:42,&quot;data&quot;:1,&quot;timestamp&quot;:1795232557603}</code>.</li>
</ul>
<h3 id="presence">Presence<a class="anchor" href="#presence" aria-label="Link to this section">#</a></h3>
<p>A subscription may say who it is. It then belongs to a <strong>member</strong> of the channel, and subscribers
that ask for it are told of members that come and go.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>in <code>subscribe</code></th><th>meaning</th></tr></thead>
<tbody>
<tr><td><code>&quot;presence&quot;:true</code></td><td>it is told who joins and leaves</td></tr>
<tr><td><code>&quot;member&quot;:&quot;tab-1&quot;</code></td><td>the name of the member, 1 to 64 characters; without it the client&#39;s id</td></tr>
<tr><td><code>&quot;info&quot;:{&quot;name&quot;:&quot;Ann&quot;}</code></td><td>what others see of it, any JSON of at most 1024 bytes (else <code>too_large</code>), passed on as it was written; without it null</td></tr>
</tbody>
</table></div>
<p>Any of the three makes the subscription that of a member. A member is a <code>user</code> and a <code>member</code>:
<code>user</code> is the <code>sub</code> of the connection&#39;s <a href="/docs/keys#tokens">token</a>, and null for one without a token.
All connections with the same user and name are one member, so a client that gives the same name
again after a reconnect is the member that it was.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>server sends to those with <code>presence</code></th><th>when</th></tr></thead>
<tbody>
<tr><td><code>{&quot;type&quot;:&quot;joined&quot;,&quot;channel&quot;:&quot;room&quot;,&quot;user&quot;:&quot;ann&quot;,&quot;member&quot;:&quot;tab-1&quot;,&quot;clientId&quot;:&quot;…&quot;,&quot;info&quot;:{&quot;name&quot;:&quot;Ann&quot;}}</code></td><td>a member has got its first subscription; its own connections are told, too, after their <code>subscribed</code></td></tr>
<tr><td><code>{&quot;type&quot;:&quot;left&quot;,&quot;channel&quot;:&quot;room&quot;,&quot;user&quot;:&quot;ann&quot;,&quot;member&quot;:&quot;tab-1&quot;,&quot;clientId&quot;:&quot;…&quot;,&quot;info&quot;:{&quot;name&quot;:&quot;Ann&quot;}}</code></td><td>a member has had no subscription for <code>PRESENCE_GRACE_MS</code>, 10 s by default</td></tr>
<tr><td><code>{&quot;type&quot;:&quot;members&quot;,&quot;channel&quot;:&quot;room&quot;,&quot;count&quot;:1204}</code></td><td>in place of both while a channel has more than 1000 members: how many there are, at most once a second, when that has changed</td></tr>
</tbody>
</table></div>
<ul>
<li>The grace is the same whatever ended the last subscription: a cut, a close, <code>unsubscribe</code>, a new
token without the right, or a <code>subscribe</code> that says otherwise. Who is back within it has not left,
and nobody is told anything. Stalls of the server do not count as time away.</li>
<li><code>joined</code> and <code>left</code> of a member alternate. After a <code>members</code> the list is not known any more: ask
for it anew, at the latest when a <code>members</code> has a <code>count</code> of at most 1000.</li>
<li>A second <code>subscribe</code> of the channel decides anew: what it does not give is not given any more.
Another <code>member</code> joins at once, and the old one leaves after the grace. Another <code>info</code> is shown
from then on in the answer to <code>presence</code>; nobody is told, so publish what others must know at
once.</li>
<li><code>clientId</code> and <code>info</code> are those of the connection that subscribed last and is still there.</li>
<li><code>joined</code>, <code>left</code> and <code>members</code> are not kept: who returns asks for the list.</li>
</ul>
<p><code>{&quot;type&quot;:&quot;presence&quot;,&quot;channel&quot;:&quot;room&quot;,&quot;id&quot;:&quot;p1&quot;}</code> is answered by
<code>{&quot;type&quot;:&quot;presence&quot;,&quot;channel&quot;:&quot;room&quot;,&quot;count&quot;:1,&quot;members&quot;:[{&quot;user&quot;:&quot;ann&quot;,&quot;member&quot;:&quot;tab-1&quot;,&quot;clientId&quot;:&quot;…&quot;,&quot;info&quot;:null,&quot;sinceMs&quot;:1795232557603}],&quot;more&quot;:false,&quot;id&quot;:&quot;p1&quot;}</code>.
It needs the right to subscribe and no subscription, and counts as a message. <code>count</code> is that of all
members, those in their grace included; <code>members</code> has the first ones that joined, at most 1000 and
256 KiB, and <code>more</code> says that some are missing. <code>sinceMs</code> is when it joined, wall-clock ms. Over
HTTP: <code>GET /api/v1/channels/{channel}/presence</code>.</p>
<p><code>member</code> and <code>info</code> are what a client says of itself: another client may say the same. Only <code>user</code>
is proof, and only where clients connect with tokens.</p>
<ul>
<li><code>gap</code> says that messages may be missing before the next one: they were removed during a replay, or
several processes are one hub and their <a href="/docs/delivery#with-several-processes">Redis</a> has lost them.
The next message of the channel has the offset that follows the one of the gap, also where the
epoch is another one. On a channel without a history it has neither <code>epoch</code> nor <code>offset</code>.</li>
</ul>
<h2 id="events-hub">events-hub<a class="anchor" href="#events-hub" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><pre><code class="language-console">$ npx -y wscat -c 'ws://127.0.0.1:8080/api/v1/ws/subscribe?event_types=health,pdfm' -H 'Authorization: Bearer &lt;credential&gt;'
&lt; {&quot;id&quot;:&quot;…&quot;,&quot;event_type&quot;:&quot;global&quot;,&quot;timestamp&quot;:&quot;2026-11-21T03:42:06.507Z&quot;,&quot;message&quot;:&quot;WebSocket connection established subscribed to global by default&quot;,&quot;body&quot;:{&quot;client_id&quot;:&quot;e8a6e2ff-6c71-4eec-95c9-56fb99383258&quot;,&quot;subscriptions&quot;:[&quot;health&quot;,&quot;pdfm&quot;,&quot;global&quot;]}}
&gt; {&quot;event_type&quot;:&quot;health&quot;,&quot;message&quot;:&quot;ping&quot;,&quot;id&quot;:&quot;1&quot;}
&lt; {&quot;id&quot;:&quot;…&quot;,&quot;ref_id&quot;:&quot;1&quot;,&quot;event_type&quot;:&quot;health&quot;,&quot;timestamp&quot;:&quot;2026-11-21T03:42:07.001Z&quot;,&quot;message&quot;:&quot;pong&quot;,&quot;client_id&quot;:&quot;e8a6e2ff-6c71-4eec-95c9-56fb99383258&quot;}</code></pre></div>
<p>The credential may also be <code>?access_token=</code>, <code>?authorization=Bearer …</code>, or the header <code>X-Api-Key</code>
with <code>base64(&lt;id&gt;:&lt;secret&gt;)</code>.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>client sends</th><th>answer</th></tr></thead>
<tbody>
<tr><td><code>{&quot;event_type&quot;:&quot;health&quot;,&quot;message&quot;:&quot;ping&quot;,&quot;id&quot;:&quot;1&quot;}</code></td><td>a <code>pong</code> whose <code>ref_id</code> is that <code>id</code>, if the client is subscribed to <code>health</code></td></tr>
<tr><td><code>{&quot;event_type&quot;:&quot;system&quot;,&quot;message&quot;:&quot;client-id&quot;,&quot;id&quot;:&quot;2&quot;}</code></td><td>a message <code>client-id</code> whose <code>body</code> has the client&#39;s id</td></tr>
</tbody>
</table></div>
<p>The query subscribes; <code>POST /api/v1/ws/unsubscribe</code> <a href="/docs/http#routes">unsubscribes</a>. Channels are the
event types: <code>global</code>, <code>pdfm</code>, <code>system</code>, <code>system_logs</code>, <code>health</code>, <code>orchestrator</code>, <code>stats</code>,
<code>reverse_proxy</code>, <code>catalog_cache</code>, <code>job_manager</code>, <code>auth</code>. A publication arrives as
<code>{&quot;id&quot;:&quot;…&quot;,&quot;event_type&quot;:&quot;pdfm&quot;,&quot;timestamp&quot;:&quot;…&quot;,&quot;message&quot;:&quot;pdfm&quot;,&quot;body&quot;:1}</code>. What is published as
<code>{&quot;message&quot;:&quot;VM_STATE_CHANGED&quot;,&quot;body&quot;:{&quot;vm_id&quot;:&quot;7&quot;}}</code> arrives with that <code>message</code> and <code>body</code>. The
server pings every 30 s; the deadline is 65 s, so a client that pings each 60 s lives without
control frames.</p>
<h2 id="infoway">infoway<a class="anchor" href="#infoway" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><pre><code class="language-console">$ npx -y wscat -c 'ws://127.0.0.1:8080/ws?business=crypto&amp;apikey=&lt;credential&gt;'
&lt; {&quot;code&quot;:200,&quot;msg&quot;:&quot;ws connect success&quot;}
&gt; {&quot;code&quot;:10000,&quot;trace&quot;:&quot;t1&quot;,&quot;data&quot;:{&quot;codes&quot;:&quot;BTCUSDT&quot;}}
&lt; {&quot;code&quot;:10001,&quot;trace&quot;:&quot;t1&quot;,&quot;msg&quot;:&quot;ok&quot;}
&gt; {&quot;code&quot;:10010,&quot;trace&quot;:&quot;t2&quot;,&quot;ack&quot;:1}
&lt; {&quot;code&quot;:10011,&quot;trace&quot;:&quot;t2&quot;,&quot;msg&quot;:&quot;ok&quot;}</code></pre></div>
<p>News is at <code>/news?apikey=&lt;credential&gt;</code>.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>client sends</th><th>channel</th><th>answer</th><th>publication</th></tr></thead>
<tbody>
<tr><td><code>{&quot;code&quot;:10000,&quot;trace&quot;:&quot;t&quot;,&quot;data&quot;:{&quot;codes&quot;:&quot;BTCUSDT,ETHUSDT&quot;}}</code></td><td><code>trade/&lt;code&gt;</code></td><td><code>10001</code></td><td><code>10002</code></td></tr>
<tr><td><code>{&quot;code&quot;:10003,&quot;trace&quot;:&quot;t&quot;,&quot;data&quot;:{&quot;codes&quot;:&quot;BTCUSDT&quot;}}</code></td><td><code>depth/&lt;code&gt;</code></td><td><code>10004</code></td><td><code>10005</code></td></tr>
<tr><td><code>{&quot;code&quot;:10006,&quot;trace&quot;:&quot;t&quot;,&quot;data&quot;:{&quot;arr&quot;:[{&quot;type&quot;:1,&quot;codes&quot;:&quot;BTCUSDT&quot;}]}}</code></td><td><code>kline/&lt;type&gt;/&lt;code&gt;</code></td><td><code>10007</code></td><td><code>10008</code></td></tr>
<tr><td><code>{&quot;code&quot;:10020,&quot;trace&quot;:&quot;t&quot;,&quot;data&quot;:{&quot;lang&quot;:&quot;en&quot;}}</code></td><td><code>news/&lt;lang&gt;</code></td><td><code>10021</code></td><td><code>10022</code></td></tr>
<tr><td><code>{&quot;code&quot;:11000,&quot;trace&quot;:&quot;t&quot;,&quot;data&quot;:{&quot;codes&quot;:&quot;BTCUSDT&quot;}}</code></td><td>unsubscribes trades</td><td><code>11010</code></td><td></td></tr>
<tr><td><code>{&quot;code&quot;:11001,&quot;trace&quot;:&quot;t&quot;,&quot;data&quot;:{&quot;codes&quot;:&quot;BTCUSDT&quot;}}</code></td><td>unsubscribes depths</td><td><code>11010</code></td><td></td></tr>
<tr><td><code>{&quot;code&quot;:11002,&quot;trace&quot;:&quot;t&quot;,&quot;data&quot;:{&quot;codes&quot;:&quot;BTCUSDT&quot;,&quot;klineTypes&quot;:&quot;1&quot;}}</code></td><td>unsubscribes klines</td><td><code>11010</code></td><td></td></tr>
<tr><td><code>{&quot;code&quot;:11020,&quot;trace&quot;:&quot;t&quot;}</code></td><td>unsubscribes news</td><td><code>11010</code></td><td></td></tr>
<tr><td><code>{&quot;code&quot;:10010,&quot;trace&quot;:&quot;t&quot;,&quot;ack&quot;:1}</code></td><td>the heartbeat</td><td><code>10011</code> with <code>&quot;ack&quot;:1</code>, else none</td><td></td></tr>
</tbody>
</table></div>
<p>A second 10020 replaces the language. Only the heartbeat 10010 is a sign of life; on <code>/news</code> control
pongs and pings are signs of life, too. After 60 s without one the server sends frame 513 and closes
with 1008. The 61st message within a minute is answered with frame 501 and the connection is closed;
the third such close within ten minutes <a href="/docs/keys#suspension">suspends</a> the key for fifteen.</p>
<h2 id="tank">tank<a class="anchor" href="#tank" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><pre><code class="language-js">const socket = new WebSocket(&quot;ws://127.0.0.1:8080/ws?user_id=alice&quot;);
socket.onopen = () =&gt; socket.send(&quot;sub:news&quot;);
socket.onmessage = ({ data }) =&gt; console.log(data); // Hello, alice! … then {&quot;topic&quot;:&quot;news&quot;,&quot;data&quot;:&quot;…&quot;}</code></pre></div>
<p>A client that connects to plain <code>/ws</code> needs <code>DEFAULT_PROFILE=tank</code>. A client with a key adds
<code>token=&lt;credential&gt;</code>.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>client sends</th><th>effect</th></tr></thead>
<tbody>
<tr><td><code>sub:news</code></td><td>subscribes to the topic <code>news</code>, any channel name</td></tr>
<tr><td><code>unsub:news</code></td><td>unsubscribes</td></tr>
<tr><td><code>heartbeat</code></td><td>none: it is a sign of life</td></tr>
<tr><td><code>{&quot;type&quot;:&quot;heartbeat&quot;}</code></td><td>none: likewise</td></tr>
<tr><td><code>hello everybody</code></td><td>any other text goes to all other tank clients, if the key may publish on any channel at all</td></tr>
</tbody>
</table></div>
<p>A text that the key may not publish is dropped and logged (<code>command denied</code>). A publication arrives
as <code>{&quot;topic&quot;:&quot;news&quot;,&quot;data&quot;:&quot;…&quot;}</code>. The server sends the text <code>heartbeat</code> every 5 s and expects no
answer. The deadline is 15 s; control pongs, which every WebSocket library sends, keep the
connection alive.</p>
<h2 id="talo">talo<a class="anchor" href="#talo" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><pre><code class="language-js">const { ticket } = await (await fetch(&quot;http://127.0.0.1:8080/v1/socket-tickets&quot;, {
  method: &quot;POST&quot;,
  headers: { Authorization: &quot;Bearer &lt;credential&gt;&quot; },
})).json();
const socket = new WebSocket(\`ws://127.0.0.1:8080/?ticket=\${ticket}\`);
socket.onopen = () =&gt; setInterval(() =&gt; socket.send(&quot;v1.heartbeat&quot;), 25_000);</code></pre></div>
<p>This works in pages of <code>ALLOWED_ORIGINS</code>: the route answers their preflight requests. A client that
can set headers needs no ticket: <code>X-Api-Key: &lt;id&gt;.&lt;secret&gt;</code> on <code>/ws/talo</code>.</p>
<div class="scroll" tabindex="0"><pre><code class="language-console">$ npx -y wscat -c 'ws://127.0.0.1:8080/ws/talo' -H 'X-Api-Key: &lt;credential&gt;'
&lt; {&quot;res&quot;:&quot;v1.connected&quot;,&quot;data&quot;:{}}
&gt; {&quot;req&quot;:&quot;v1.players.identify&quot;,&quot;data&quot;:{&quot;playerAliasId&quot;:7,&quot;socketToken&quot;:&quot;&lt;credential&gt;&quot;}}
&lt; {&quot;res&quot;:&quot;v1.players.identify.success&quot;,&quot;data&quot;:{&quot;id&quot;:7,&quot;service&quot;:&quot;custom&quot;,&quot;identifier&quot;:&quot;7&quot;,&quot;…&quot;:&quot;…&quot;}}
&gt; {&quot;req&quot;:&quot;v1.channels.message&quot;,&quot;data&quot;:{&quot;channel&quot;:{&quot;id&quot;:21},&quot;message&quot;:&quot;hi&quot;}}
&lt; {&quot;res&quot;:&quot;v1.channels.message&quot;,&quot;data&quot;:{&quot;channel&quot;:{&quot;id&quot;:21,&quot;…&quot;:&quot;…&quot;},&quot;message&quot;:&quot;hi&quot;,&quot;playerAlias&quot;:{&quot;id&quot;:7,&quot;…&quot;:&quot;…&quot;}}}</code></pre></div>
<p>Aliases, players and channels have all fields that Talo&#39;s engine clients read. The hub knows ids
alone: names are the ids, lists are empty, and times are those of the frame.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>client sends</th><th>effect</th></tr></thead>
<tbody>
<tr><td><code>v1.heartbeat</code></td><td>the same text comes back</td></tr>
<tr><td><code>{&quot;req&quot;:&quot;v1.players.identify&quot;,&quot;data&quot;:{&quot;playerAliasId&quot;:7,&quot;socketToken&quot;:&quot;&lt;credential&gt;&quot;}}</code></td><td>identifies the player and subscribes to <code>players/7</code>; the <code>socketToken</code> is a key&#39;s credential</td></tr>
<tr><td><code>{&quot;req&quot;:&quot;v1.channels.message&quot;,&quot;data&quot;:{&quot;channel&quot;:{&quot;id&quot;:21},&quot;message&quot;:&quot;hi&quot;}}</code></td><td>needs a player; subscribes to <code>channels/21</code> and publishes there</td></tr>
</tbody>
</table></div>
<p>The server pings every 30 s. A control pong or <code>v1.heartbeat</code> must arrive within 30 s after a ping;
nothing else is a sign of life. A client above its rate limit gets three warnings
(<code>RATE_LIMIT_EXCEEDED</code>), then the close.</p>
</main>
</div>
</body>
</html>
`,
  "delivery": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Delivery · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery" aria-current="page">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#while-a-client-is-connected">While a client is connected</a></li>
<li class="depth-2"><a href="#when-an-answer-is-lost">When an answer is lost</a></li>
<li class="depth-2"><a href="#when-a-client-returns">When a client returns</a></li>
<li class="depth-2"><a href="#with-several-processes">With several processes</a></li>
<li class="depth-3"><a href="#while-redis-is-away">While Redis is away</a></li>
<li class="depth-2"><a href="#with-several-threads">With several threads</a></li>
<li class="depth-2"><a href="#what-is-removed-and-when">What is removed, and when</a></li>
<li class="depth-2"><a href="#who-is-there">Who is there</a></li>
<li class="depth-2"><a href="#what-it-costs">What it costs</a></li>
<li class="depth-2"><a href="#what-is-not-promised">What is not promised</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Delivery</h1>
<p>What the hub promises of a publication on its way to a subscriber, and what it does not.</p>
<h2 id="while-a-client-is-connected">While a client is connected<a class="anchor" href="#while-a-client-is-connected" aria-label="Link to this section">#</a></h2>
<ul>
<li>A publication reaches every subscriber of its channel at most once, and all of them in the same
order. The frames of one connection are never reordered.</li>
<li>A client that reads too slowly is closed (<code>slow_consumer</code>); it is not sent a part of the messages.</li>
<li><code>published</code> says that the publication has its place in the channel. It does not say who received
it, and it may come before or after the publisher&#39;s own <code>message</code>.</li>
</ul>
<h2 id="when-an-answer-is-lost">When an answer is lost<a class="anchor" href="#when-an-answer-is-lost" aria-label="Link to this section">#</a></h2>
<p>A publisher whose connection dies before <code>published</code> has come does not know whether its publication
was delivered. It sends it again with the same <code>id</code> and <code>session</code> (<a href="/docs/messages#json">frames</a>), over
HTTP with the same <code>id</code>: the hub delivers it once, and answers with its place. An <code>id</code> without a
session counts within its connection, so a client that counts from 1 on each connection loses
nothing. The <a href="/docs/sdk#publications">client library</a> does this by itself.</p>
<h2 id="when-a-client-returns">When a client returns<a class="anchor" href="#when-a-client-returns" aria-label="Link to this section">#</a></h2>
<p>A channel keeps its last 256 messages for five minutes, in the memory of the process. A json client
that remembers the <code>epoch</code> of its subscription and the <code>offset</code> of its last message gives both as
<code>since</code> when it subscribes again (<a href="/docs/messages#history">frames</a>):</p>
<ul>
<li><code>&quot;recovered&quot;:true</code>: it gets every message that followed, once and in order, then what is new.</li>
<li><code>&quot;recovered&quot;:false</code>: something may be missing. Fetch the state anew, or take the <code>last</code> messages.</li>
</ul>
<p>The replay follows the speed of the client&#39;s line: half a send queue is filled at a time, several
channels take turns, and the subscription is live when it has caught up. A replay never makes a
client a slow consumer. If messages are removed faster than the line carries them, a <code>gap</code> says so
and the replay goes on with the oldest that is kept.</p>
<p>Offsets are compared within an epoch only. With another epoch they start again.</p>
<p>A client that is advised to <code>reconnect</code> while its connection is good can be on both connections at
once: what comes twice has the same offset. The <a href="/docs/sdk#moves">client library</a> loses and repeats
nothing by such a move.</p>
<h2 id="with-several-processes">With several processes<a class="anchor" href="#with-several-processes" aria-label="Link to this section">#</a></h2>
<p>With <code>REDIS_URL</code> the history is in Redis, and a client resumes on any process. All that is said
above holds across them: one order of the messages of a channel, one position, one delivery of a
repeated <code>id</code>. Redis&#39; pub/sub may lose messages and tells nobody; each process compares the offsets
that it gets, reads what is missing from the history at once, and compares the newest ones every 25
seconds. What the history has not any more is told as a <code>gap</code>.</p>
<p>An epoch belongs to one run of Redis. After its restart, after a failover, and after its data were
removed, there is another one: replicas and snapshots may lack the newest messages, and would count
their offsets again. Connected clients get a <code>gap</code>, those that return <code>&quot;recovered&quot;:false</code>.</p>
<p><a href="/docs/messages#presence">Members</a> of a channel are those of all processes. The members of a process
that was killed have their grace from the moment in which the others miss it, about eight seconds
later; who has come back elsewhere by then has never left. A Redis that does not answer makes no
process missed.</p>
<h3 id="while-redis-is-away">While Redis is away<a class="anchor" href="#while-redis-is-away" aria-label="Link to this section">#</a></h3>
<ul>
<li>A publication that cannot be sent waits for a second, since a connection is usually made anew in a
tenth of that. Then it reaches the subscribers of its own process, without an offset, and is
answered with <code>&quot;degraded&quot;:true</code>. Once Redis is back, all subscribers of its channel get a <code>gap</code>,
and who returns from before it <code>&quot;recovered&quot;:false</code>: the gap has an offset, and the history begins
anew after it. With <code>BROKER_REQUIRED=true</code> it is refused (<code>unavailable</code>, HTTP 503) instead.</li>
<li>A publication that was sent and not answered within three seconds is refused as <code>unavailable</code>: it
may have been delivered. Repeated with the same <code>id</code> it is delivered once.</li>
<li>A subscription of a json client waits for three seconds, and is refused as <code>unavailable</code> then.
Those that have begun last: once Redis is back, they get what was published meanwhile, from the
history.</li>
<li>Who joins and leaves at other processes is told once Redis is back. Nobody leaves meanwhile, since
nobody can return: who is away has a whole grace then. A Redis that has lost its data makes nobody
leave, either.</li>
<li>Channels without a history get a <code>gap</code> without a position whenever their process lost the
connection.</li>
</ul>
<h2 id="with-several-threads">With several threads<a class="anchor" href="#with-several-threads" aria-label="Link to this section">#</a></h2>
<p>With <code>WORKERS</code> the main thread has the history. All that is said above holds across threads, and
outlives a thread that fails: its clients resume at another one, and miss nothing.</p>
<ul>
<li>A thread that is too busy for what the others publish gets it from the history later. What the
history has not any more is told as a <code>gap</code>, without a position where the channel keeps none.</li>
<li>A publication is refused as <code>unavailable</code> while 16 MiB of its thread wait for the main thread. One
that its thread had taken when it failed may have been delivered: repeat it with the same <code>id</code>.</li>
</ul>
<h2 id="what-is-removed-and-when">What is removed, and when<a class="anchor" href="#what-is-removed-and-when" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>bound</th><th>what it removes</th><th>what a client sees</th></tr></thead>
<tbody>
<tr><td><code>HISTORY_MESSAGES</code></td><td>the oldest message of the channel</td><td><code>&quot;recovered&quot;:false</code> if it needed that one; <code>gap</code> during a replay</td></tr>
<tr><td><code>HISTORY_TTL_MS</code></td><td>messages of that age</td><td>the same</td></tr>
<tr><td><code>HISTORY_BYTES</code></td><td>messages of the channels used least recently, then positions without subscribers</td><td>the same</td></tr>
<tr><td><code>HISTORY_POSITION_TTL_MS</code></td><td>the position of a channel that nobody has used for so long</td><td>a new epoch</td></tr>
<tr><td><code>DELETE /api/v1/channels/{channel}/history</code></td><td>all messages of the channel</td><td>as for a message that is removed</td></tr>
</tbody>
</table></div>
<p>A position outlives the messages: who returns to a quiet channel is told <code>&quot;recovered&quot;:true</code>.</p>
<h2 id="who-is-there">Who is there<a class="anchor" href="#who-is-there" aria-label="Link to this section">#</a></h2>
<p>A channel tells who its <a href="/docs/messages#presence">members</a> are, in the order of its other frames.</p>
<ul>
<li>A member that returns within <code>PRESENCE_GRACE_MS</code> has not left: a flapping line, a reload of the
page and a reconnect make no <code>left</code>. Who is gone for good has left within a second after it.</li>
<li><code>count</code> is always whole. What comes after the answer to <code>presence</code> on a connection follows it: the
list, changed by each <code>joined</code> and <code>left</code> that comes later, is who is there. <code>joined</code> and <code>left</code>
are not replayed.</li>
<li>Presence is in the memory of the process: after a restart everybody joins anew.</li>
<li>What members in their grace take is bounded (64 MiB, some 100 000 of them); beyond it those that
have been away for longest leave early, and <code>systole_members_left_early_total</code> counts them. So
connections that invent names do not fill the memory.</li>
</ul>
<h2 id="what-it-costs">What it costs<a class="anchor" href="#what-it-costs" aria-label="Link to this section">#</a></h2>
<p>With 1000 subscribers of one channel and 1, 4 and 16 publications in flight, a hub that keeps all
messages takes 0.95, 0.97 and 1.01 of the CPU for each delivery that it takes without a history
(medians of nine runs in turn, on two cores that other work shared; single runs differ by 10 %).
1000 clients that come back at once and have missed 100 messages each have them all within 0.2 s,
for 0.14 s of the hub&#39;s CPU. A client that has missed 256 messages of 4 KiB on each of 100 channels
has them after 112 s over a line of 1 MB/s: at most 1 MiB of them waits in the hub at a time, and
the latency of others keeps its median of 0.7 ms. <code>HISTORY_BYTES</code> is an upper bound: the heap grows
by 0.6 to 1.0 of what is counted, whatever is published on 10 000 channels. The resident memory also
has the garbage between two collections: it grows by up to 1.6 of it. A member takes 0.6 KiB beside
its texts, 0.8 if it is alone on its channel; a connection and a channel without members take
nothing for presence.</p>
<h2 id="what-is-not-promised">What is not promised<a class="anchor" href="#what-is-not-promised" aria-label="Link to this section">#</a></h2>
<ul>
<li><strong>A restart is a new epoch.</strong> The history is in memory: after a deploy or a crash every <code>since</code> is
<code>&quot;recovered&quot;:false</code>. With <code>REDIS_URL</code> that holds for a restart of Redis.</li>
<li><strong>Nothing is kept for one client.</strong> A client that never returns has no queue.</li>
<li><strong>Profiles other than json</strong> have no frames for positions. What they publish is kept, too.</li>
<li><strong>Relayed texts</strong> of tank and channels below <code>systole/</code> have no history.</li>
<li><strong>A repeat is known for <code>DEDUPE_MS</code></strong> (five minutes), in the memory of the process, or in Redis:
after its restart, or when <code>HISTORY_BYTES</code> was too small for the ids
(<code>systole_publication_ids_evicted_total</code>), it is another message.</li>
</ul>
</main>
</div>
</body>
</html>
`,
  "keys": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Keys, rights and limits · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys" aria-current="page">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#who-can-reach-the-hub">Who can reach the hub</a></li>
<li class="depth-2"><a href="#keys">Keys</a></li>
<li class="depth-2"><a href="#tokens">Tokens</a></li>
<li class="depth-3"><a href="#renew-a-token">Renew a token</a></li>
<li class="depth-2"><a href="#limits">Limits</a></li>
<li class="depth-2"><a href="#suspension">Suspension</a></li>
<li class="depth-2"><a href="#threats">Threats</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Keys, rights and limits</h1>
<h2 id="who-can-reach-the-hub">Who can reach the hub<a class="anchor" href="#who-can-reach-the-hub" aria-label="Link to this section">#</a></h2>
<p>The server listens on 127.0.0.1. Without keys it refuses to start on an address that other machines
reach, unless <code>ALLOW_ANONYMOUS=true</code> states that this is intended. <code>ALLOWED_ORIGINS</code> restricts
browsers; by default it allows the host itself and pages on loopback, and never the origin <code>null</code>.
An open server on loopback answers only to a loopback <code>Host</code>, so that a foreign web page cannot
reach it under a name of its own (DNS rebinding).</p>
<p>With <code>TLS_CERT_FILE</code> and <code>TLS_KEY_FILE</code> the server speaks <code>wss</code>; otherwise a proxy in front does. A
health check by HTTP/1.0 must send a <code>Host</code>; without one it gets 400.</p>
<h2 id="keys">Keys<a class="anchor" href="#keys" aria-label="Link to this section">#</a></h2>
<p>Without keys the hub is open: it accepts any credential or none. Routes, message formats and limits
are the same. <code>deno task key</code> makes a key, prints its credential once, and prints what to configure.
Without <code>--publish</code>, <code>--subscribe</code> and <code>--admin</code> the key may publish and subscribe on every channel.</p>
<div class="scroll" tabindex="0"><pre><code class="language-console">$ deno task -q key --id reader --subscribe 'news/*'</code></pre></div>
<p>The output ends with the line to configure; here with a shortened hash:</p>
<div class="scroll" tabindex="0"><pre><code class="language-text">API_KEYS='[{&quot;id&quot;:&quot;reader&quot;,&quot;secretSha256&quot;:&quot;f11c…fe39&quot;,&quot;publish&quot;:[],&quot;subscribe&quot;:[&quot;news/*&quot;],&quot;admin&quot;:false}]' deno task start</code></pre></div>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>field of a key</th><th>meaning</th></tr></thead>
<tbody>
<tr><td><code>id</code></td><td>letters, digits, <code>_</code> and <code>-</code></td></tr>
<tr><td><code>secretSha256</code></td><td>SHA-256 of the secret, 64 hex digits; the server never holds the secret</td></tr>
<tr><td><code>publish</code>, <code>subscribe</code></td><td>channel patterns; <code>*</code> is any run of characters; what no pattern allows is forbidden; <code>subscribe</code> opens history and presence, too</td></tr>
<tr><td><code>admin</code></td><td>may inspect and end connections, and read the metrics</td></tr>
<tr><td><code>maxConnections</code>, <code>maxMessagesPerMinute</code></td><td>limits of the key over all its connections and HTTP publishes, on all processes of a hub; optional</td></tr>
<tr><td><code>expiresAt</code></td><td>ISO 8601 with zone; optional</td></tr>
</tbody>
</table></div>
<p>An item of the list:</p>
<div class="scroll" tabindex="0"><pre><code class="language-json">{
  &quot;id&quot;: &quot;reader&quot;,
  &quot;secretSha256&quot;: &quot;2bb80d537b1da3e38bd30361aa855686bde0eacd7162fef6a25fe97bf527a25b&quot;,
  &quot;publish&quot;: [],
  &quot;subscribe&quot;: [&quot;news/*&quot;],
  &quot;admin&quot;: false,
  &quot;maxConnections&quot;: 10,
  &quot;maxMessagesPerMinute&quot;: 600,
  &quot;expiresAt&quot;: &quot;2031-01-01T00:00:00Z&quot;
}</code></pre></div>
<p>Keys, JWKS and certificates are read at the start. To add or revoke a key, change the list and
restart the hub; its clients are drained and reconnect.</p>
<p>A client sends <code>&lt;id&gt;.&lt;secret&gt;</code> where its system expects the credential; events-hub&#39;s <code>X-Api-Key</code> is
<code>base64(&lt;id&gt;:&lt;secret&gt;)</code>. Browsers cannot set headers. They use a ticket, the query, or on <code>/ws</code> a
subprotocol: <code>new WebSocket(url, [&quot;systole&quot;, &quot;systole.bearer.&lt;id&gt;.&lt;secret&gt;&quot;])</code>.</p>
<h2 id="tokens">Tokens<a class="anchor" href="#tokens" aria-label="Link to this section">#</a></h2>
<p>The hub also accepts a JWT that is signed with <code>JWT_SECRET</code> (HS256) or by a key of <code>JWKS_FILE</code>
(RS256, ES256, EdDSA). It needs <code>sub</code>, <code>exp</code>, and a claim <code>systole</code> with the fields of a key:</p>
<div class="scroll" tabindex="0"><pre><code class="language-json">{
  &quot;sub&quot;: &quot;alice&quot;,
  &quot;exp&quot;: 1924992000,
  &quot;systole&quot;: { &quot;publish&quot;: [&quot;chat/*&quot;], &quot;subscribe&quot;: [&quot;*&quot;], &quot;admin&quot;: false }
}</code></pre></div>
<p>The connection ends when its token expires. <a href="/docs/recipes#mint-a-token">Recipes</a> has programs that
sign tokens, in five languages.</p>
<p>The <code>sub</code> of a token is also the <code>user</code> of <a href="/docs/messages#presence">presence</a>, which others on a
channel see: it is proof of who somebody is, since who signs the tokens vouches for it. Of a key
nobody sees the id, and its connections have no <code>user</code>: what they say of themselves (<code>member</code>,
<code>info</code>) is no proof of anything.</p>
<h3 id="renew-a-token">Renew a token<a class="anchor" href="#renew-a-token" aria-label="Link to this section">#</a></h3>
<p>A json connection that was opened with a token can present a new one and stay open. The hub
announces the end once a token, when a third of its life is left, at most 30 s before: life counts
from the moment in which the hub accepted it. <a href="/docs/messages#new-tokens">Messages</a> has the frames, and
the <a href="/docs/sdk#tokens">client library</a> sends them by itself.</p>
<ul>
<li>The new token needs the same <code>sub</code> and a later <code>exp</code>. What is not accepted changes nothing: the
last token holds until its end.</li>
<li>The new <strong>rights</strong> hold from the answer on. Subscriptions that they do not allow end; requests
that were sent before the answer are judged by the old rights.</li>
<li><code>maxMessagesPerMinute</code> of the new token holds at once. As on a new connection, tokens of one <code>sub</code>
with the same limit share its minute, and each other limit is counted by itself. A refresh does
not count as a message.</li>
<li><code>maxConnections</code> is compared when a connection opens, with the token that it presents: a renewal
closes no connection.</li>
<li>Keys are not renewed, and neither are the other four systems&#39; connections.</li>
</ul>
<h2 id="limits">Limits<a class="anchor" href="#limits" aria-label="Link to this section">#</a></h2>
<ul>
<li><strong>Connections</strong>: in all, by address and by key. A client that is about to replace its connection
<a href="/docs/messages#a-connection-that-replaces-another-one">names the old one</a>: for 10 s the two are
counted once by address and by key.</li>
<li><strong>Upgrades in a second</strong>: 503 with <code>Retry-After</code>. The limit is checked before any credential, so
that a refused upgrade does not use up a ticket.</li>
<li><strong>Messages in a second</strong> by connection, and <strong>in a minute</strong> by key. Heartbeats and pongs do not
count for the minute. All connections of a key share its minute; the connection that sends the
message above the limit is closed. Clients that must not limit each other need a key, or a JWT
with a <code>sub</code>, each.</li>
</ul>
<p><a href="/docs/options">Options</a> has the values.</p>
<p>Two connections that are counted once have the same key, or tokens of the same <code>sub</code>; on an open hub
they come from the same address. After 10 s, or once the old one ends, the new one is counted
itself. If the old one stays, the limit is exceeded by it, and the next connection is refused. A
connection has one replacement at a time, one that is not counted itself has none, and where a limit
is exceeded nothing more is exempt: no key and no address ever has more than twice its limit.
<code>MAX_CONNECTIONS</code>, <code>MAX_UPGRADES_PER_SECOND</code> and <code>ADMISSION_PER_SECOND</code> count all connections, the
last one those of all processes.</p>
<h2 id="suspension">Suspension<a class="anchor" href="#suspension" aria-label="Link to this section">#</a></h2>
<p>Each connection that ends for <code>rate_limited</code> is a violation of its key. <code>SUSPEND_AFTER_VIOLATIONS</code>
violations within <code>SUSPEND_WINDOW_MS</code> suspend the key for <code>SUSPEND_MS</code>. The hub closes its
connections with <code>key_suspended</code> and the remaining time, and refuses new ones in the form of their
system. A suspension ends by itself or by <code>DELETE /api/v1/suspensions/{key}</code>. With <code>DATA_DIR=data</code>
suspensions and tickets survive a restart.</p>
<h2 id="threats">Threats<a class="anchor" href="#threats" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>threat</th><th>protection</th><th>not covered</th></tr></thead>
<tbody>
<tr><td>stolen configuration</td><td>keys and tickets are stored as hashes</td><td><code>JWT_SECRET</code> is the secret itself</td></tr>
<tr><td>guessing a secret</td><td>256 random bits, compared in constant time; an unknown id gets the same answer; <code>MAX_UPGRADES_PER_SECOND</code> limits the guesses</td><td>no lock-out by address: guesses use up that rate for other clients, too; they count for <code>ADMISSION_PER_SECOND</code> only while they are checked</td></tr>
<tr><td>credentials in logs</td><td>credentials and queries are never logged, counted or repeated in an answer</td><td>your proxy may log queries: prefer headers or tickets</td></tr>
<tr><td>forged publications in tank</td><td>the hub drops the texts of a key that may publish nothing</td><td>a key that may publish on any channel can send any text to all tank clients: use separate keys, or another system</td></tr>
<tr><td>one player&#39;s flood suspends a game&#39;s key</td><td>a violation counts for the key that fetched the ticket</td><td>fetch tickets with a JWT for each user (<code>sub</code>), or set <code>SUSPEND_AFTER_VIOLATIONS=0</code></td></tr>
<tr><td>a foreign page in a user&#39;s browser</td><td><code>ALLOWED_ORIGINS</code>; loopback <code>Host</code> on an open hub</td><td>programs outside browsers send any Origin</td></tr>
<tr><td>floods, slow readers, giant frames</td><td>limits, bounded queues, closes 1008, 1009 and 1013</td><td>bandwidth; <code>POST /api/v1/publish</code> is limited by the hub&#39;s mailbox alone</td></tr>
<tr><td>deep or hostile JSON</td><td>at most 500 levels, checked before use</td><td></td></tr>
<tr><td>exhausted connections</td><td>limits in all, by address, by key</td><td>many addresses at once: put a proxy in front</td></tr>
<tr><td>a forged <code>X-Forwarded-For</code></td><td>accepted from <code>TRUSTED_PROXIES</code> alone</td><td></td></tr>
<tr><td>eavesdropping</td><td>TLS here or in a proxy</td><td>without TLS everything is readable</td></tr>
</tbody>
</table></div>
</main>
</div>
</body>
</html>
`,
  "options": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Options · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options" aria-current="page">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#all-options-but-timing">All options but timing</a></li>
<li class="depth-2"><a href="#timing">Timing</a></li>
<li class="depth-2"><a href="#proxy-presets">Proxy presets</a></li>
<li class="depth-2"><a href="#which-values-to-choose">Which values to choose</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Options</h1>
<p>All options are environment variables; an empty variable counts as unset. Only explicit values are
checked against each other; a default adapts to them. A bad value stops the start with one message
that lists every problem. A variable that looks like a misspelled option is a warning at the start.</p>
<p>A test compares the tables of this page with <code>server/config/options.ts</code>.</p>
<h2 id="all-options-but-timing">All options but timing<a class="anchor" href="#all-options-but-timing" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>option</th><th>unit</th><th>default</th><th>meaning</th></tr></thead>
<tbody>
<tr><td><code>HOST</code></td><td>host</td><td>127.0.0.1</td><td>address to listen on</td></tr>
<tr><td><code>PORT</code></td><td>port</td><td>8080</td><td>port to listen on; 0 = any free port</td></tr>
<tr><td><code>TLS_CERT_FILE</code></td><td>path</td><td>none</td><td>PEM certificate chain; makes it https/wss</td></tr>
<tr><td><code>TLS_KEY_FILE</code></td><td>path</td><td>none</td><td>PEM private key of the certificate</td></tr>
<tr><td><code>ALLOWED_ORIGINS</code></td><td>list of origins</td><td>the host itself and loopback</td><td>origins of pages that may connect, separated by commas</td></tr>
<tr><td><code>ALLOW_ANONYMOUS</code></td><td>true or false</td><td>false</td><td>start without keys even where others can reach it</td></tr>
<tr><td><code>DATA_DIR</code></td><td>path</td><td>none: memory only</td><td>folder for what outlives a restart (suspensions, tickets); <code>deno task start</code> may write below data/ only</td></tr>
<tr><td><code>DEFAULT_PROFILE</code></td><td>json, events-hub, infoway, tank, talo</td><td>json</td><td>profile of upgrades that name none</td></tr>
<tr><td><code>LOG_FORMAT</code></td><td>text, json</td><td>text</td><td>a readable line per event, or a line of JSON</td></tr>
<tr><td><code>LOG_LEVEL</code></td><td>debug, info, warning, error, fatal</td><td>info</td><td>least severe level that is logged</td></tr>
<tr><td><code>WORKERS</code></td><td>count</td><td>1</td><td>threads that serve clients on one port, as one hub; more than 1 on Linux alone</td></tr>
<tr><td><code>WRITE_WAIT_MS</code></td><td>ms</td><td>10000</td><td>a write that has not drained by then ends the connection</td></tr>
<tr><td><code>FLUSH_WINDOW_MS</code></td><td>ms</td><td>0</td><td>publications wait for so long, at most 100, so that one write carries more; 0 = off</td></tr>
<tr><td><code>FROZEN_WAIT_MS</code></td><td>ms</td><td>0</td><td>a client that answers control pings but for so long no app ping is closed; 0 = off</td></tr>
<tr><td><code>REQUEST_WAIT_MS</code></td><td>ms</td><td>10000</td><td>a connection that has not sent a whole request by then is cut</td></tr>
<tr><td><code>CLOSE_WAIT_MS</code></td><td>ms</td><td>2000</td><td>a close that is not answered by then ends the connection</td></tr>
<tr><td><code>PRESENCE_GRACE_MS</code></td><td>ms</td><td>10000</td><td>a member of a channel that does not return within this time after its last subscription has left</td></tr>
<tr><td><code>SHUTDOWN_MS</code></td><td>ms</td><td>4500</td><td>the whole drain takes no longer</td></tr>
<tr><td><code>API_KEYS</code></td><td>JSON</td><td>none</td><td>the keys, a list; without keys and tokens the hub is open</td></tr>
<tr><td><code>API_KEYS_2</code></td><td>JSON</td><td>none</td><td>a second list of keys, where a platform limits the length of a variable</td></tr>
<tr><td><code>API_KEYS_3</code></td><td>JSON</td><td>none</td><td>a third one</td></tr>
<tr><td><code>API_KEYS_4</code></td><td>JSON</td><td>none</td><td>a fourth one</td></tr>
<tr><td><code>API_KEYS_FILE</code></td><td>path</td><td>none</td><td>file with that list, instead of API_KEYS</td></tr>
<tr><td><code>JWT_SECRET</code></td><td>text</td><td>none</td><td>accepts JWTs signed with it by HS256; at least 32 bytes</td></tr>
<tr><td><code>JWKS_FILE</code></td><td>path</td><td>none</td><td>accepts JWTs signed by one of its public keys (RS256, ES256, EdDSA)</td></tr>
<tr><td><code>TRUSTED_PROXIES</code></td><td>list of addresses</td><td>none</td><td>addresses or CIDR blocks whose X-Forwarded-For is believed, separated by commas</td></tr>
<tr><td><code>TICKETS_PER_MINUTE</code></td><td>count</td><td>20</td><td>socket tickets that one key may fetch in any minute; 0 = off</td></tr>
<tr><td><code>TICKET_TTL_MS</code></td><td>ms</td><td>300000</td><td>a socket ticket is valid for this long, once</td></tr>
<tr><td><code>SUSPEND_AFTER_VIOLATIONS</code></td><td>count</td><td>3</td><td>so many closings for rate within SUSPEND_WINDOW_MS suspend the key; 0 = never</td></tr>
<tr><td><code>SUSPEND_WINDOW_MS</code></td><td>ms</td><td>600000</td><td>violations of a key are counted over this long</td></tr>
<tr><td><code>SUSPEND_MS</code></td><td>ms</td><td>900000</td><td>a suspension lasts this long</td></tr>
<tr><td><code>PROXY_PRESET</code></td><td>none, aws-alb, nginx, azure-app-gateway, cloudflare, deno-deploy, default</td><td>none</td><td>proxy in front, whose idle timeout bounds every ping period</td></tr>
<tr><td><code>ECHO</code></td><td>true or false</td><td>false</td><td>json: echo messages of unknown type</td></tr>
<tr><td><code>INFOWAY_MESSAGES_PER_MINUTE</code></td><td>count</td><td>60</td><td>infoway: messages of one connection in any minute; 0 = off</td></tr>
<tr><td><code>TALO_MESSAGES_PER_MINUTE</code></td><td>count</td><td>300</td><td>talo: messages of one connection in any minute before it is identified; 0 = off</td></tr>
<tr><td><code>TALO_MESSAGES_PER_MINUTE_IDENTIFIED</code></td><td>count</td><td>3600</td><td>talo: the same after that; 0 = off</td></tr>
<tr><td><code>MAX_MESSAGE_BYTES</code></td><td>bytes</td><td>65536</td><td>largest message from a client; &lt;= SEND_QUEUE_BYTES</td></tr>
<tr><td><code>SEND_QUEUE_BYTES</code></td><td>bytes</td><td>1048576</td><td>bytes that may wait for one client whose last write has been stuck for 100 ms (3 s on a slow line), and 16 times as many until then; &lt;= QUEUE_BUDGET_BYTES</td></tr>
<tr><td><code>QUEUE_BUDGET_BYTES</code></td><td>bytes</td><td>268435456</td><td>bytes that wait for longer than a second for all clients together at most</td></tr>
<tr><td><code>SEND_QUEUE_MESSAGES</code></td><td>count</td><td>256</td><td>messages that may wait for one client whose last write has been stuck for 100 ms</td></tr>
<tr><td><code>MAX_CONNECTIONS</code></td><td>count</td><td>15000</td><td>connections in all; 0 = off</td></tr>
<tr><td><code>MAX_PENDING_CONNECTIONS</code></td><td>count</td><td>1000</td><td>connections that have not sent a whole request; the oldest is cut; 0 = off</td></tr>
<tr><td><code>MAX_CONNECTIONS_PER_ADDRESS</code></td><td>count</td><td>0</td><td>connections from one client address; 0 = off</td></tr>
<tr><td><code>MAX_CONNECTIONS_PER_KEY</code></td><td>count</td><td>0</td><td>connections with one key that has no limit of its own; 0 = off</td></tr>
<tr><td><code>ADMISSION_PER_SECOND</code></td><td>count</td><td>500</td><td>sessions that all processes of the hub together begin in a second; a client beyond that is told when to come back; 0 = off</td></tr>
<tr><td><code>MAX_UPGRADES_PER_SECOND</code></td><td>count</td><td>4 × ADMISSION_PER_SECOND</td><td>upgrades per second of this process, wrong credentials included; 0 = off</td></tr>
<tr><td><code>MAX_MESSAGES_PER_SECOND</code></td><td>count</td><td>1000</td><td>frames from one client per second, in bursts of twice that; malformed ones count as four; 0 = off</td></tr>
<tr><td><code>MAX_SUBSCRIPTIONS</code></td><td>count</td><td>10000</td><td>channels that one connection may subscribe to</td></tr>
<tr><td><code>HISTORY_MESSAGES</code></td><td>count</td><td>256</td><td>messages that are kept of each channel, for clients that return; 0 = off</td></tr>
<tr><td><code>HISTORY_TTL_MS</code></td><td>ms</td><td>300000</td><td>a message is kept for so long at most</td></tr>
<tr><td><code>HISTORY_BYTES</code></td><td>bytes</td><td>67108864</td><td>bytes that the histories of all channels take; the least recently used goes first</td></tr>
<tr><td><code>HISTORY_POSITION_TTL_MS</code></td><td>ms</td><td>86400000</td><td>the position of a channel is kept for so long after its last use; a longer absence is not recovered</td></tr>
<tr><td><code>DEDUPE_MS</code></td><td>ms</td><td>300000</td><td>a publication with the id of an earlier one is not delivered again for so long; 0 = off</td></tr>
<tr><td><code>HISTORY_CHANNELS</code></td><td>list of patterns</td><td>all</td><td>patterns of the channels that keep a history, as in the rights of a key, separated by commas</td></tr>
<tr><td><code>REDIS_URL</code></td><td>URL</td><td>none: this process alone</td><td>a Redis (7 or later) or Valkey that makes one hub of all processes with the same one</td></tr>
<tr><td><code>REDIS_PREFIX</code></td><td>text</td><td>systole:</td><td>what all keys and channels in Redis begin with: hubs with different ones are apart</td></tr>
<tr><td><code>BROKER_REQUIRED</code></td><td>true or false</td><td>false</td><td>while Redis is away publications are refused; else the subscribers of this process get them</td></tr>
</tbody>
</table></div>
<h2 id="timing">Timing<a class="anchor" href="#timing" aria-label="Link to this section">#</a></h2>
<p>Each profile has its own timing. The names of json&#39;s options have no prefix; the other profiles&#39;
have one: <code>EVENTS_HUB_PONG_WAIT_MS</code>, <code>TALO_PING_PERIOD_MS</code>. In the meanings, <code>PONG_WAIT_MS</code> is that
of the same profile.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>option</th><th>unit</th><th>meaning</th></tr></thead>
<tbody>
<tr><td><code>PONG_WAIT_MS</code></td><td>ms</td><td>without a sign of life for this long a connection is dead</td></tr>
<tr><td><code>TALO_PONG_WAIT_MS</code></td><td>ms</td><td>an unanswered ping for this long ends the connection</td></tr>
<tr><td><code>PING_PERIOD_MS</code></td><td>ms</td><td>from one ping to the next; &lt; PONG_WAIT_MS</td></tr>
<tr><td><code>TALO_PING_PERIOD_MS</code></td><td>ms</td><td>from one ping to the next</td></tr>
<tr><td><code>HEARTBEAT_TIMEOUT_MS</code></td><td>ms</td><td>a ping without any sign of life for this long is missed; &lt; PONG_WAIT_MS</td></tr>
<tr><td><code>MISSED_HEARTBEATS</code></td><td>count</td><td>so many pings missed in a row end the connection</td></tr>
<tr><td><code>HEALTHY_LATENCY_MS</code></td><td>ms</td><td>healthy up to this average of 10 round trips</td></tr>
<tr><td><code>DEGRADED_LATENCY_MS</code></td><td>ms</td><td>degraded up to this average of 10 round trips; &gt; HEALTHY_LATENCY_MS</td></tr>
<tr><td><code>POOR_LATENCY_MS</code></td><td>ms</td><td>poor up to this average of 10 round trips; &gt; DEGRADED_LATENCY_MS</td></tr>
</tbody>
</table></div>
<p>Defaults by profile; <code>—</code> where a profile has no such option. &quot;Missed&quot; heartbeats are explained in
<a href="/docs/liveness#missed-heartbeats">Missed heartbeats</a>.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>option</th><th>json</th><th>events-hub <code>EVENTS_HUB_…</code></th><th>infoway <code>INFOWAY_…</code></th><th>tank <code>TANK_…</code></th><th>talo <code>TALO_…</code></th></tr></thead>
<tbody>
<tr><td><code>PONG_WAIT_MS</code></td><td>60000</td><td>65000</td><td>60000</td><td>15000</td><td>30000</td></tr>
<tr><td><code>PING_PERIOD_MS</code></td><td>(1)</td><td>30000 (2)</td><td>30000 (2)</td><td>5000 (2)</td><td>30000 (3)</td></tr>
<tr><td><code>HEARTBEAT_TIMEOUT_MS</code></td><td>(4)</td><td>(4)</td><td>—</td><td>(4)</td><td>—</td></tr>
<tr><td><code>MISSED_HEARTBEATS</code></td><td>3</td><td>7</td><td>—</td><td>3</td><td>—</td></tr>
<tr><td><code>HEALTHY_LATENCY_MS</code></td><td>100</td><td>100</td><td>100</td><td>100</td><td>100</td></tr>
<tr><td><code>DEGRADED_LATENCY_MS</code></td><td>500</td><td>500</td><td>500</td><td>500</td><td>500</td></tr>
<tr><td><code>POOR_LATENCY_MS</code></td><td>1000</td><td>1000</td><td>1000</td><td>1000</td><td>1000</td></tr>
</tbody>
</table></div>
<ol>
<li>9/10 of PONG_WAIT_MS, or PROXY_PRESET&#39;s if smaller</li>
<li>or 9/10 of PONG_WAIT_MS or PROXY_PRESET&#39;s if smaller</li>
<li>or PROXY_PRESET&#39;s if smaller</li>
<li>half of PONG_WAIT_MS − PING_PERIOD_MS, from 100 to 10000</li>
</ol>
<h2 id="proxy-presets">Proxy presets<a class="anchor" href="#proxy-presets" aria-label="Link to this section">#</a></h2>
<p><code>PROXY_PRESET</code> limits every ping period to what the idle timeout of the proxy allows.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>preset</th><th class="right">longest ping period, s</th></tr></thead>
<tbody>
<tr><td><code>aws-alb</code></td><td class="right">55</td></tr>
<tr><td><code>nginx</code></td><td class="right">55</td></tr>
<tr><td><code>azure-app-gateway</code></td><td class="right">55</td></tr>
<tr><td><code>cloudflare</code></td><td class="right">90</td></tr>
<tr><td><code>deno-deploy</code></td><td class="right">4</td></tr>
<tr><td><code>default</code></td><td class="right">30</td></tr>
</tbody>
</table></div>
<p><code>default</code> fits any proxy that we know. What <code>deno-deploy</code> is for, and costs, is in
<a href="/docs/deploy#deno-deploy">Deployment</a>.</p>
<h2 id="which-values-to-choose">Which values to choose<a class="anchor" href="#which-values-to-choose" aria-label="Link to this section">#</a></h2>
<ul>
<li><strong>A proxy in front</strong>: set <code>PROXY_PRESET</code>, or a ping period below the proxy&#39;s idle timeout.</li>
<li><strong>Phones on poor networks</strong>: with the default period, 9/10 of the pong wait, a client has 6 s to
answer the only ping of each deadline. <code>PING_PERIOD_MS=25000</code> gives it two pings.</li>
<li><strong>Faster detection</strong>: <code>PONG_WAIT_MS=15000</code> finds a dead json client within 15.1 s.</li>
<li><strong>Large messages</strong>: raise <code>MAX_MESSAGE_BYTES</code>; the default of <code>SEND_QUEUE_BYTES</code> grows with it.</li>
<li><strong>Many small publications to many clients</strong>: a write costs far more than the bytes in it.
<code>FLUSH_WINDOW_MS=25</code> joins what 25 ms bring into one write for each client; publications arrive up
to 25 ms later, in the same order. It saves nothing where a client gets fewer than two in a
window. Pings, pongs, answers and closes are not delayed, and a queue that fills is written
sooner.</li>
<li><strong>Clients that return</strong>: <code>HISTORY_MESSAGES</code> and <code>HISTORY_TTL_MS</code> say how long an absence loses
nothing (<a href="/docs/delivery">Delivery</a>); <code>HISTORY_CHANNELS=chat/*,trade/*</code> keeps only what somebody
comes back for.</li>
<li><strong>Several processes</strong>: with <code>REDIS_URL</code> they are one hub (<a href="/docs/scaling">when</a>,
<a href="/docs/deploy#several-processes">how</a>). <code>HISTORY_</code> options and <code>DEDUPE_MS</code> must be the same for all
of them.</li>
<li><strong>The log</strong>: <code>LOG_FORMAT=json</code> writes one JSON object a line. If the reader of the log pauses, the
hub keeps 16 MiB of lines; it drops what exceeds that, and then logs how many lines it dropped.</li>
</ul>
</main>
</div>
</body>
</html>
`,
  "deploy": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Deployment · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy" aria-current="page">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#requirements">Requirements</a></li>
<li class="depth-2"><a href="#several-processes">Several processes</a></li>
<li class="depth-3"><a href="#what-it-costs">What it costs</a></li>
<li class="depth-2"><a href="#several-threads">Several threads</a></li>
<li class="depth-3"><a href="#what-threads-cost">What threads cost</a></li>
<li class="depth-2"><a href="#behind-a-proxy">Behind a proxy</a></li>
<li class="depth-2"><a href="#tls">TLS</a></li>
<li class="depth-2"><a href="#shutdown">Shutdown</a></li>
<li class="depth-3"><a href="#slots">Slots</a></li>
<li class="depth-2"><a href="#systemd">systemd</a></li>
<li class="depth-2"><a href="#nginx-before-several-nodes">nginx before several nodes</a></li>
<li class="depth-2"><a href="#compose">Compose</a></li>
<li class="depth-2"><a href="#one-file">One file</a></li>
<li class="depth-2"><a href="#container">Container</a></li>
<li class="depth-2"><a href="#deno-deploy">Deno Deploy</a></li>
<li class="depth-3"><a href="#with-a-hosted-redis">With a hosted Redis</a></li>
<li class="depth-3"><a href="#what-it-costs-there">What it costs there</a></li>
<li class="depth-2"><a href="#another-address">Another address</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Deployment</h1>
<h2 id="requirements">Requirements<a class="anchor" href="#requirements" aria-label="Link to this section">#</a></h2>
<p>Deno 2.5.0 to 2.9.6. There is no build step: the client library and these pages are committed
builds. The first start fetches the packages of <code>deno.lock</code> from npm; on a machine that will have no
network, fetch them before, as the user of the service:</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">deno install --frozen --entrypoint server/main.ts</code></pre></div>
<div class="scroll" tabindex="0"><pre><code class="language-console">$ deno task -q start
2026-11-21T03:42:06.507Z info    listening address=ws://127.0.0.1:8080 version=0.1.0 profile=json pingPeriodMs=54000 pongWaitMs=60000 heartbeatTimeoutMs=3000 missedHeartbeats=3 health={&quot;healthyMs&quot;:100,&quot;degradedMs&quot;:500,&quot;poorMs&quot;:1000}
2026-11-21T03:42:06.507Z info    live page: http://127.0.0.1:8080/, manuals: http://127.0.0.1:8080/docs</code></pre></div>
<p><code>deno task start</code> grants the network, read access to files (certificates, keys), write access below
<code>data/</code> (for <code>DATA_DIR=data</code>), and the environment variables of the <a href="/docs/options">options</a>. The
process cannot write elsewhere, run programs or load libraries.</p>
<p>The V8 flags of <code>start</code> weigh memory against the cost of a connect storm. Measured with 5000 clients
that are each pinged once a second, and with 3000 that connect at once:</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>flags</th><th class="right">memory of a connection</th><th class="right">CPU of an upgrade</th></tr></thead>
<tbody>
<tr><td>none</td><td class="right">26 KiB</td><td class="right">85 µs</td></tr>
<tr><td><code>--min-semi-space-size=8,--max-semi-space-size=8,--heap-growing-percent=30</code>, as <code>start</code> has them</td><td class="right">13 KiB</td><td class="right">108 µs</td></tr>
<tr><td>the same with <code>--heap-growing-percent=20</code></td><td class="right">11 KiB</td><td class="right">132 µs</td></tr>
<tr><td><code>--max-semi-space-size=4,--heap-growing-percent=20</code></td><td class="right">13 KiB</td><td class="right">150 µs</td></tr>
</tbody>
</table></div>
<h2 id="several-processes">Several processes<a class="anchor" href="#several-processes" aria-label="Link to this section">#</a></h2>
<p>One process is one hub, and often <a href="/docs/scaling">enough</a>. With <code>REDIS_URL</code> all processes that have the
same Redis (7 or later, or Valkey) and the same <code>REDIS_PREFIX</code> are one hub: a publication reaches
the subscribers of every process, and a client resumes on whichever it reaches.</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">REDIS_URL=redis://:password@redis.internal:6379/0 deno task start</code></pre></div>
<ul>
<li><code>rediss://</code> is encrypted. With Sentinel name the sentinels and what they call the primary:
<code>redis-sentinel://user:password@sentinel-1,sentinel-2:26379/main/0</code>. The user is that of Redis;
one of the sentinels comes last: <code>…/main/0?sentinel=user:password</code>, or <code>?sentinel=:password</code> where
they have no users. Percent-encode what is no letter or digit. A Redis Cluster is
<code>redis-cluster://user:password@node-1,node-2:6379</code>: any of its nodes, the others are found;
channels are spread over its primaries, with sharded pub/sub. A slot that moves is a new epoch for
its channels. The hub always reads from primaries.</li>
<li>Give all of them the same <code>HISTORY_</code> options, <code>DEDUPE_MS</code> and keys.</li>
<li>Redis has the history: <code>HISTORY_MESSAGES</code> of each channel for <code>HISTORY_TTL_MS</code>. <code>HISTORY_BYTES</code>
bounds what each process keeps in its own memory, not Redis; that is bounded by channels ×
messages × their size, and by its <code>maxmemory</code>.</li>
<li>Set <code>maxmemory-policy noeviction</code> (the default): with another one Redis removes positions and
messages before their time, and the log has a warning at the start. A Redis that is out of memory
refuses publications (<code>unavailable</code>).</li>
<li>It needs no persistence. A restart of Redis is a new epoch in any case: clients that return are
told <code>&quot;recovered&quot;:false</code>, never less.</li>
<li>Allow it to be away: <a href="/docs/delivery#while-redis-is-away">what is promised meanwhile</a>. <code>/readyz</code> then
answers 200 with <code>degraded</code>, <code>systole_broker_up</code> is 0.</li>
<li>A user of Redis needs the commands that are not dangerous, <code>info</code>, and the keys and channels that
begin with <code>REDIS_PREFIX</code>:
<code>ACL SETUSER systole on &gt;password ~systole:* &amp;systole:* +@all -@dangerous +info</code>.</li>
</ul>
<p>Beside publications and history, Redis has the tickets (each is taken once, by whichever process
gets it) and the suspensions (a suspended key is out at all processes at once); <code>DATA_DIR</code> is not
used. <code>GET /api/v1/connections</code>, <code>/closed</code>, <code>/rejected</code> and <code>/channels</code> list those of all processes,
each with its <code>node</code>, <code>/stats</code> adds them up, and <code>DELETE /api/v1/connections/{id}</code> ends a connection
of any of them. <code>?scope=node</code> asks for one process. <code>missing</code> names processes that have not answered
within a second; one that was killed is forgotten after about eight. Another process then counts its
connections under the cause <a href="/docs/liveness#causes"><code>node lost</code></a>, and <code>/closed</code> names it (<code>lostNodes</code>).</p>
<p>Members of a channel are those of all processes. What each process has for itself:
<code>MAX_CONNECTIONS</code>, the limits by address, by second and of tickets, the figures of the live page,
<code>/metrics</code>.</p>
<p>The limits of a key hold for all processes together:</p>
<ul>
<li><strong>Connections</strong> (<code>maxConnections</code>, <code>MAX_CONNECTIONS_PER_KEY</code>) exactly. Those of a process that was
killed are free once it is forgotten. A connection may
<a href="/docs/messages#a-connection-that-replaces-another-one">replace</a> one on another process.</li>
<li><strong>Messages a minute</strong> (<code>maxMessagesPerMinute</code>) are taken in shares of a tenth of the limit, and in
smaller ones by a process that has sent little. All together may exceed the limit by one share for
each process; and what a process has taken and not used is lost to the others for a minute. A
message waits for a share only where the next one is not there in time.</li>
<li>While Redis is away, each process judges by its own connections and messages.</li>
</ul>
<h3 id="what-it-costs">What it costs<a class="anchor" href="#what-it-costs" aria-label="Link to this section">#</a></h3>
<p>Measured on one core each for the hub and Redis 7.0, on the loopback interface, publications of 100
bytes, published and received by the same process:</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>publication</th><th class="right">CPU of the process</th><th class="right">CPU of Redis</th></tr></thead>
<tbody>
<tr><td>on a channel without a history</td><td class="right">7 µs</td><td class="right">0.7 µs</td></tr>
<tr><td>on a channel with a history</td><td class="right">10 µs</td><td class="right">8 µs</td></tr>
<tr><td>the same with an <code>id</code></td><td class="right">11 µs</td><td class="right">11 µs</td></tr>
</tbody>
</table></div>
<p>A process that only receives spends less, and each process that subscribes to the channel costs
Redis another 0.3 µs or so: one Redis carries about 100 000 publications a second with a history.
These are costs under load, where commands are sent together. <a href="/docs/capacity">Capacity</a> has those of a
quiet process, too, and how many processes and how much Redis a number of connections needs.</p>
<h2 id="several-threads">Several threads<a class="anchor" href="#several-threads" aria-label="Link to this section">#</a></h2>
<p>One process uses one core, beside what the kernel does. With <code>WORKERS=n</code> it has n threads that serve
clients on the same port, as one hub, without Redis or anything else to install. The kernel spreads
new connections over them. Linux alone does that, and Deno from 2.7.14 on makes use of it.
Elsewhere, on Deno Deploy and under <code>DENO_SERVE_ADDRESS</code> the hub refuses to start with more than
one.</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">WORKERS=4 deno task start</code></pre></div>
<p>Use it when one core is the limit: <code>rate(process_cpu_seconds_total[1m])</code> near 1, or
<code>systole_wheel_lateness_seconds</code> that rises. Below that one process costs less CPU. Take one thread
fewer than the machine has cores, up to about 8: the main thread needs a part of one.</p>
<p>The main thread serves no clients. It has what belongs to the process, and what therefore outlives a
thread: the history, the ids of publications, members, tickets and suspensions, the log, <code>/metrics</code>,
the drain. Each thread is a node of the hub, as a process with Redis is: the lists of the API show
all, each row with its <code>node</code> (<code>thread 1</code>), <code>?scope=node</code> one, and a request is answered by
whichever thread gets it. With <code>REDIS_URL</code> each thread is a node on Redis, and the main thread has
only the log, <code>/metrics</code> and the drain.</p>
<ul>
<li>Limits of keys and <code>ADMISSION_PER_SECOND</code> hold for all threads together. Each thread has
<code>MAX_CONNECTIONS</code>, <code>MAX_PENDING_CONNECTIONS</code>, <code>MAX_UPGRADES_PER_SECOND</code> and the limits by address
for itself: divide by the number of threads what is meant for the process. The threads share
<code>QUEUE_BUDGET_BYTES</code> in equal parts. <code>HISTORY_BYTES</code> bounds the history; the copies that the
threads have of it take as much again at most.</li>
<li>A thread that is behind with what the others publish gets it from the history later; what the
history has not any more is told as a <code>gap</code>.</li>
<li>A thread that throws ends alone. Its connections end without a close frame, its clients reconnect
to another thread and resume, and a new thread takes its place within a second. They are listed as
<code>node lost</code>. Connections that the kernel had given it, and it had not taken, are reset.</li>
<li>A thread that does not answer for five seconds is ended. Until then new connections that the
kernel gives it wait. If it is in an endless loop, Deno (2.9.6) cannot end it: then the process
drains the other threads and exits with 1, for the service manager to start it again.</li>
<li>Memory is that of the process: a thread that runs out of it ends the process.</li>
</ul>
<h3 id="what-threads-cost">What threads cost<a class="anchor" href="#what-threads-cost" aria-label="Link to this section">#</a></h3>
<p>A publication goes to the main thread, and from there to each other thread that has subscribers:
about 10 µs of CPU more where its publisher is its only subscriber, 20 instead of 10. With many
subscribers that is little. Measured with two threads on two cores and 1000 subscribers of one
channel: 1.07 to 1.14 of the CPU that one process takes for a delivery, half of it in each thread, 4
% of it in the main thread. Each thread compiles the code for itself, so the first seconds under
load cost more.</p>
<p>Without clients two threads take 190 MB in all, each further one 45 MB; one process takes 100 MB.</p>
<h2 id="behind-a-proxy">Behind a proxy<a class="anchor" href="#behind-a-proxy" aria-label="Link to this section">#</a></h2>
<p><a href="/docs/recipes">Recipes</a> has whole configurations of nginx and Caddy before one process; that of nginx
before several is <a href="#nginx-before-several-nodes">below</a>.</p>
<ul>
<li>Set <code>PROXY_PRESET</code>, or ping periods below the proxy&#39;s idle timeout.</li>
<li>Set <code>TRUSTED_PROXIES</code>, so that limits and logs use the address of the client and not of the proxy.</li>
<li>Set <code>ALLOWED_ORIGINS</code> to the origins of your pages, and to the hub&#39;s own for its live page: the
list replaces the default.</li>
<li>Use <code>/healthz</code> as the liveness check and <code>/readyz</code> as the readiness check.</li>
</ul>
<h2 id="tls">TLS<a class="anchor" href="#tls" aria-label="Link to this section">#</a></h2>
<p><code>TLS_CERT_FILE</code> and <code>TLS_KEY_FILE</code> are read at the start: restart the hub after a renewal, or leave
TLS to a proxy that reloads certificates itself.</p>
<h2 id="shutdown">Shutdown<a class="anchor" href="#shutdown" aria-label="Link to this section">#</a></h2>
<p>SIGINT (Ctrl-C) and SIGTERM start a drain:</p>
<ol>
<li><code>/readyz</code> turns 503, and upgrades get 503 with <code>Retry-After</code>. The socket still listens. So it
stays for a tenth of <code>SHUTDOWN_MS</code>, in which load balancers see it.</li>
<li>Each client gets a <a href="#slots">slot</a>, in random order. json clients whose slot is within the half of
<code>SHUTDOWN_MS</code> that follows are advised to move (<code>reconnect</code> with the slot as <code>afterMs</code>): the
<a href="/docs/sdk#moves">client library</a> opens the new connection at its slot, and leaves the old one once
it has caught up. Who has not moved a second after its slot is closed with 1012 and another slot.</li>
<li>Clients of systems without an advice are closed with 1012 at their slots, to come back at once.</li>
<li>Clients with later slots are closed with 1012, spread over the second part of the time, and read
in the close frame when to come back (<code>drain: server restarting; afterMs=6200</code>).</li>
<li>The send queues are flushed, connections that are still open at the end are terminated, and the
process exits with 0, within <code>SHUTDOWN_MS</code>, and as soon as nobody is left.</li>
</ol>
<p>Until the end clients publish and receive as ever. With several processes on one Redis nobody misses
a message: who moves has no gap at all, who is closed has a gap in time, and resumes.</p>
<p>A drain is seamless for as many json clients of a process as there are slots before it closes them:
0.9 × <code>ADMISSION_PER_SECOND</code> × about half of <code>SHUTDOWN_MS</code>. With the defaults these are all of 1000
clients, 1000 of 2000, and 780 of 6000: the more clients, the earlier it must begin to close them.
The others are back after (clients / 0.9 × <code>ADMISSION_PER_SECOND</code>) seconds: 6000 within 14 s.
Restart one process after the other: a slot is one of the whole hub, so that two that drain together
share them.</p>
<p>A client that moves must reach another process: the load balancer has to take a process out whose
<code>/readyz</code> is 503, and should try another one when an upgrade is answered with 503 (nginx:
<code>proxy_next_upstream error timeout http_503</code>). A client that gets the 503 itself stays on its old
connection until that is closed, and comes back at the slot of the close. So it is with one process
alone.</p>
<p>Signals within a second after the first belong to it (a terminal&#39;s Ctrl-C arrives twice); a later
one exits at once.</p>
<h3 id="slots">Slots<a class="anchor" href="#slots" aria-label="Link to this section">#</a></h3>
<p><code>ADMISSION_PER_SECOND</code> is how many sessions the whole hub begins in a second, wherever the second
begins. Clients that are sent away get slots: times at which they may come back, one after the
other, at nine tenths of that rate. The last tenth is for clients that come unasked, such as those
of a process that was killed:</p>
<ul>
<li>Above the budget a client gets the handshake and a close with 1013 that names its slot
(<code>overload: too many at once; afterMs=1830</code>), before its credential is checked: it costs no
session, and keeps its ticket. A page of a browser could not read an HTTP answer.</li>
<li>Above four times the budget (<code>MAX_UPGRADES_PER_SECOND</code>, counted by each process, in bursts of
twice that) it gets a plain 503, whose <code>Retry-After</code> is the newest slot of the process.</li>
</ul>
<p>No client waits for longer than a minute for a slot, and each one finds room in the end: who comes
at its slot and finds none, since clients came unasked, gets another one. With <code>REDIS_URL</code> all
processes count together; while Redis is away each one has the budget divided by the number of
processes. Slots are for the client library and for clients that read the close text; others come
back by their own rules, and are told again.</p>
<h2 id="systemd">systemd<a class="anchor" href="#systemd" aria-label="Link to this section">#</a></h2>
<p><code>server/ops/systole@.service</code> runs a node on the port that is the name of the instance, as a user
without any right of root. Put a checkout into <code>/srv/systole</code>, and the options into
<code>/etc/systole.env</code>, one <code>NAME=value</code> a line, <code>API_KEYS</code> and <code>REDIS_URL</code> among them and no <code>PORT</code>;
let only root read it. Then, with the file in <code>/etc/systemd/system</code> and a user <code>systole</code>:
<code>systemctl enable --now systole@8081 systole@8082</code>. One process is one instance, <code>systole@8080</code>.</p>
<p>The unit starts <code>deno</code> itself: a SIGTERM to <code>npx</code> never reaches the program. With <code>DATA_DIR=data</code>
the folder <code>data/</code> must belong to the user. A larger <code>SHUTDOWN_MS</code> needs a larger <code>TimeoutStopSec</code>.
A test has systemd check the unit and rate its protection, and runs its command; the sandbox itself
is not part of the tests.</p>
<p>To replace the nodes of a machine, restart one, wait until its <code>/readyz</code> answers 200, and go on with
the next.</p>
<h2 id="nginx-before-several-nodes">nginx before several nodes<a class="anchor" href="#nginx-before-several-nodes" aria-label="Link to this section">#</a></h2>
<p><code>server/ops/nginx.conf</code> is a whole configuration: each upgrade goes to the node with the fewest
connections, and to another one while it drains or does not answer. nginx learns that from what it
passes on: there are no health checks in it. A test runs it before three nodes, one of which drains,
ends and returns. Its <code>upstream</code> has the addresses of <code>compose.yml</code>; write your own there. The
options of the nodes beside it:</p>
<ul>
<li><code>PROXY_PRESET=nginx</code>, which keeps ping periods below its <code>proxy_read_timeout</code>.</li>
<li><code>TRUSTED_PROXIES</code> with the address of nginx.</li>
<li><code>ALLOWED_ORIGINS</code> with your pages and with the name of the hub.</li>
</ul>
<p>Clients need no sticky sessions: each connection is a request of its own, and a client resumes on
any node. A load balancer with health checks asks <code>/readyz</code>.</p>
<h2 id="compose">Compose<a class="anchor" href="#compose" aria-label="Link to this section">#</a></h2>
<p><code>server/ops/compose.yml</code> is a hub of three nodes from the image below, Redis that keeps its data and
refuses what does not fit, and nginx on port 8080. It needs <code>API_KEYS</code> in the environment or in
<code>.env</code>. A test runs its services with their commands, options and health checks, without containers.</p>
<h2 id="one-file">One file<a class="anchor" href="#one-file" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><pre><code class="language-sh">deno task compile</code></pre></div>
<p>makes <code>bin/systole</code> and <code>bin/systole-probe</code>: programs with everything inside (page, manuals, client
library), which need no Deno and no network, and have the permissions of the tasks <code>start</code> and
<code>probe</code>. <code>bin/systole.js</code> is the server as one file of JavaScript for a machine that has Deno. The
task needs the newest supported Deno, which downloads the runtime that it puts into the programs. On
machines where it cannot be downloaded, a test runs the one file in its place.</p>
<h2 id="container">Container<a class="anchor" href="#container" aria-label="Link to this section">#</a></h2>
<p><code>server/ops/Containerfile</code> builds an image that runs as <code>deno</code>, not as root, checks <code>/healthz</code>, and
keeps suspensions and tickets in the volume <code>/systole/data</code>. It listens on every address of the
container, so it starts only with <code>API_KEYS</code>, or with <code>ALLOW_ANONYMOUS=true</code>. Stop it by SIGTERM, as
<code>podman stop</code> does; the drain fits into its ten seconds.</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">podman build --file server/ops/Containerfile --tag systole .
podman run --publish 8080:8080 --env API_KEYS=&quot;$API_KEYS&quot; --volume systole:/systole/data systole</code></pre></div>
<p>A test runs the file&#39;s instructions, its command and its health check on this machine&#39;s Deno; the
base image itself is not part of the tests.</p>
<h2 id="deno-deploy">Deno Deploy<a class="anchor" href="#deno-deploy" aria-label="Link to this section">#</a></h2>
<ol>
<li>Push the repository and create an app from it on the Deno Deploy dashboard.</li>
<li>The entrypoint, <code>server/main.ts</code>, is in <code>deno.json</code>; there is no build step.</li>
<li>Set the environment: <code>API_KEYS</code> (or <code>ALLOW_ANONYMOUS=true</code>, since others reach every address
there), and <code>ALLOWED_ORIGINS</code> with the origins of your pages. Without Redis, suspensions and
tickets need a Deno KV database that is assigned to the app.</li>
<li>Deploy. Deno Deploy passes the address in <code>DENO_SERVE_ADDRESS</code>, terminates TLS, and sends SIGINT
five seconds before it kills an instance; the default of <code>SHUTDOWN_MS</code> fits into that.</li>
</ol>
<h3 id="with-a-hosted-redis">With a hosted Redis<a class="anchor" href="#with-a-hosted-redis" aria-label="Link to this section">#</a></h3>
<p>Deno Deploy runs as many instances of an application as it sees fit, each isolated from the others.
Without Redis each is a hub of its own: users on different instances do not hear each other, and
<code>/healthz</code> is green all the same.</p>
<ol>
<li>Get a Redis 7 or later, or Valkey, near the region of the app: a publication waits for a round
trip to it. It must have pub/sub, scripts (<code>EVALSHA</code>) and <code>INFO</code>, and
<code>maxmemory-policy noeviction</code>. Each instance makes three connections: allow three times as many
as instances, twice over, since old and new ones run side by side during a deployment.
<a href="/docs/capacity">Capacity</a> says how much memory it needs.</li>
<li>Use its address with TLS, <code>rediss://user:password@host:port</code>, as a secret <code>REDIS_URL</code>. Characters
of the password that a URL does not take are percent-encoded.</li>
<li>Give each context a <code>REDIS_PREFIX</code> of its own, <code>systole:</code> for production and <code>preview:</code> for the
rest: with the same one a preview is a part of the production hub.</li>
<li>Decide on <code>BROKER_REQUIRED</code>: <code>true</code> refuses publications while Redis is away, else the
subscribers of the same instance get them (<a href="/docs/delivery#while-redis-is-away">Delivery</a>).</li>
<li>Set <code>PROXY_PRESET=deno-deploy</code> if an instance must not be stopped while clients are connected,
see below.</li>
<li>Deploy, and look: the log says <code>connected to Redis</code>, <code>/readyz</code> answers <code>ready</code> and not
<code>degraded</code>, and in <code>GET /api/v1/connections</code> clients of different instances have different
<code>node</code>.</li>
</ol>
<p>What happens to instances then:</p>
<ul>
<li>A deployment starts new instances and sends SIGINT to the old ones. Both are one hub for these
seconds. A client is told to reconnect or closed with 1012, resumes on a new instance, and misses
nothing.</li>
<li>An instance that is stopped for lack of traffic drains the same way; clients that were connected
and quiet return to another one, which is started for them. One that is killed, for memory or
after five seconds, is missed by the others about eight seconds later.</li>
<li>A deployment that changes the layout of the keys (the changelog would say so) uses other keys: its
clients get <code>&quot;recovered&quot;:false</code>.</li>
<li>Logs and <code>/metrics</code> are of one instance each; the lists of the API are those of all.</li>
</ul>
<h3 id="what-it-costs-there">What it costs there<a class="anchor" href="#what-it-costs-there" aria-label="Link to this section">#</a></h3>
<p>An application is stopped after 5 s to 10 minutes without traffic, and pings count as traffic. With
<code>PROXY_PRESET=deno-deploy</code> each connection is pinged every 4 s, so an application with a client is
never stopped; it then runs, and is paid for, as long as anybody is connected, and pings cost 13
times what the default period costs (measured: 38 µs of CPU a ping, so 10 000 connections take a
tenth of a core). Without it clients reconnect after each stop.</p>
<p>An instance has 768 MB of memory. Measured under that limit, started as Deno Deploy starts it
(without the V8 flags of <code>start</code>): 19 500 connections, pinged every 4 s, took 522 MB, and no more
could be opened there (20 000 files). Under a limit of 400 MiB 14 000 connections stayed, and with
16 000 the process was ended for memory. At 23 KB each about 30 000 fit into an instance; with
<code>MAX_CONNECTIONS=25000</code> there is room for the send queues. With the flags of <code>start</code> 19 500
connections took 368 MB.</p>
<p>A variable holds 16 KB there, which is about 110 keys. More go into <code>API_KEYS_2</code> to <code>API_KEYS_4</code>, or
into a file of the repository (<code>API_KEYS_FILE</code>; it has hashes, no secrets); for a key for each user,
sign JWTs instead.</p>
<p>A build context starts the program, too: where it has neither keys nor <code>ALLOW_ANONYMOUS=true</code> the
start is refused and so is the build. Set them for every context.</p>
<h2 id="another-address">Another address<a class="anchor" href="#another-address" aria-label="Link to this section">#</a></h2>
<p><code>DENO_SERVE_ADDRESS</code> works everywhere. A unix socket also needs permission for its path, which
<code>start</code> does not grant.</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">DENO_SERVE_ADDRESS=tcp:127.0.0.1:9000 deno task start
DENO_SERVE_ADDRESS=unix:/run/systole.sock deno run --allow-net --allow-env \\
  --allow-read=/run/systole.sock --allow-write=/run/systole.sock server/main.ts</code></pre></div>
</main>
</div>
</body>
</html>
`,
  "scaling": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>One process or several · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling" aria-current="page">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#when-one-process-is-enough">When one process is enough</a></li>
<li class="depth-2"><a href="#what-several-processes-or-threads-share">What several processes or threads share</a></li>
<li class="depth-2"><a href="#what-is-guaranteed">What is guaranteed</a></li>
<li class="depth-2"><a href="#what-a-failure-means">What a failure means</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>One process or several</h1>
<p>What one process carries, when to run several as one hub, and what the hub promises then. How they
are started is in <a href="/docs/deploy#several-processes">Deployment</a>, how many are needed in
<a href="/docs/capacity">Capacity</a>.</p>
<h2 id="when-one-process-is-enough">When one process is enough<a class="anchor" href="#when-one-process-is-enough" aria-label="Link to this section">#</a></h2>
<p>Run one process until one of these is true:</p>
<ul>
<li><strong>More than 15 000 connections.</strong> That is the default of <code>MAX_CONNECTIONS</code>. A quiet connection
takes 12 KiB and a ping 35 µs of CPU (<a href="/docs/performance#figures">Performance</a>): 15 000 of them,
pinged every 54 s, are 180 MB and a hundredth of a core. Two or three times as many fit where
memory, open files and the time after a restart, when all come back, allow it.</li>
<li><strong>More than 100 000 deliveries a second.</strong> A delivery takes about 8 µs of CPU where each
publication is alone, 2 µs with four in flight, half a microsecond with sixteen: a core does that
many at least.</li>
<li><strong>A restart must not be seen.</strong> History, presence and positions of one process are in its memory:
after a restart of that process each client that returns gets <code>&quot;recovered&quot;:false</code>. Two processes
with Redis are restarted one after the other, and nobody misses a message.</li>
<li><strong>The platform runs several anyway</strong>, as Deno Deploy does: without <code>REDIS_URL</code> each of them is a
hub of its own, and two users who land on different ones never hear each other.</li>
</ul>
<p>If only the core is too small, <code>WORKERS</code> makes one hub of several threads: see
<a href="/docs/deploy#several-threads">Several threads</a>. Threads and Redis go together: each thread is a node
then.</p>
<p>Otherwise one process is better: nothing else to run, every answer comes from its memory, and a
publication with a history costs a third of what it costs with Redis.</p>
<h2 id="what-several-processes-or-threads-share">What several processes or threads share<a class="anchor" href="#what-several-processes-or-threads-share" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>What</th><th>one process</th><th>one process with <code>WORKERS=n</code></th><th>several processes with <code>REDIS_URL</code></th></tr></thead>
<tbody>
<tr><td>to install</td><td>nothing</td><td>nothing; Linux</td><td>Redis 7 or later, or Valkey</td></tr>
<tr><td>what it is for</td><td>most hubs</td><td>more than one core on one machine</td><td>several machines, restarts that nobody notices</td></tr>
<tr><td>publications, members</td><td>of the process</td><td>of all threads</td><td>of all</td></tr>
<tr><td>history, positions, repeats</td><td>in its memory</td><td>in its memory, which outlives a thread</td><td>in Redis</td></tr>
<tr><td>suspensions, tickets</td><td><code>DATA_DIR</code></td><td><code>DATA_DIR</code></td><td>in Redis; a ticket is taken once</td></tr>
<tr><td>lists of the API, live page</td><td>of the process</td><td>of all threads, each row with its <code>node</code></td><td>of all, each row with its <code>node</code></td></tr>
<tr><td>limits</td><td>of the process</td><td>those of a key of all threads, <a href="/docs/deploy#several-threads">others of each</a></td><td>those of a key of all; <code>MAX_CONNECTIONS</code> and those of addresses of each process</td></tr>
<tr><td><code>/metrics</code></td><td>of the process</td><td>of the process</td><td>of each process</td></tr>
<tr><td>a restart of the process</td><td>a new epoch</td><td>a new epoch; of one thread: nothing is lost</td><td>nothing is lost: clients resume on another one</td></tr>
<tr><td>what else can fail</td><td>–</td><td><a href="/docs/deploy#several-threads">a thread</a></td><td>Redis: <a href="#what-a-failure-means">what a user sees then</a></td></tr>
<tr><td>a publication with a history, CPU</td><td>16 µs</td><td>30 µs</td><td>46 µs, and 16 µs of Redis; both less under load (<a href="/docs/performance#several-processes">figures</a>)</td></tr>
<tr><td>a delivery, CPU</td><td>1</td><td>1.05 to 1.07 times that</td><td>1.1 to 1.2 times that</td></tr>
</tbody>
</table></div>
<p>A process, or a thread, is called a node where there are several. Nodes do not know each other&#39;s
addresses and elect no leader: what they share is in Redis, and each tells the others what they need
to know through it.</p>
<h2 id="what-is-guaranteed">What is guaranteed<a class="anchor" href="#what-is-guaranteed" aria-label="Link to this section">#</a></h2>
<p>The same words stand in frames, answers and logs:</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>word</th><th>where</th><th>what it says</th></tr></thead>
<tbody>
<tr><td>acknowledged</td><td><code>published</code> with an <code>offset</code>, HTTP 200</td><td>the publication has its place in the channel, on all nodes: every subscriber that stays or resumes gets it once and in order, or a <code>gap</code></td></tr>
<tr><td><code>&quot;recovered&quot;:true</code></td><td><code>subscribed</code></td><td>all that followed <code>since</code> comes now, once and in order</td></tr>
<tr><td><code>&quot;recovered&quot;:false</code></td><td><code>subscribed</code></td><td>messages may be missing; fetch the state anew</td></tr>
<tr><td><code>gap</code></td><td>a frame, at any time</td><td>messages of this channel may be missing before the ones that follow</td></tr>
<tr><td><code>&quot;degraded&quot;:true</code></td><td><code>published</code>, HTTP 200</td><td>Redis is away: the subscribers of this node got it, without an offset; the others get a <code>gap</code> later</td></tr>
<tr><td><code>unavailable</code></td><td><code>error</code>, HTTP 503</td><td>not acknowledged: it may have been delivered or not. Repeated with the same <code>id</code> it is delivered once</td></tr>
</tbody>
</table></div>
<ul>
<li>Nothing acknowledged is lost in silence: who misses a message is told by <code>gap</code> or
<code>&quot;recovered&quot;:false</code>. A subscriber whose channel keeps no history is promised less: at most once,
and a <code>gap</code> whenever its node lost the connection to Redis.</li>
<li>The order of the messages of a channel is the same for all subscribers of all nodes.</li>
<li>No client is closed since Redis is away, and no node counts as lost since Redis stalls.</li>
<li>Redis replicates asynchronously, and its snapshots are old: no hub on it can promise that an
acknowledged message survives the loss of the primary. This one promises that subscribers know.</li>
</ul>
<p>What is promised within one node, and for how long messages are kept, is in <a href="/docs/delivery">Delivery</a>.</p>
<h2 id="what-a-failure-means">What a failure means<a class="anchor" href="#what-a-failure-means" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>what fails</th><th>connected clients</th><th>publishers</th><th>clients that return</th></tr></thead>
<tbody>
<tr><td>a node is stopped (SIGTERM, SIGINT)</td><td>of that node: told to reconnect, then closed with 1012; of others: nothing</td><td>of that node: what is not answered is repeated with its <code>id</code> elsewhere</td><td><code>&quot;recovered&quot;:true</code></td></tr>
<tr><td>a node is killed</td><td>of that node: find out by their own heartbeats or at once, by the reset; of others: nothing</td><td>the same</td><td><code>&quot;recovered&quot;:true</code>; its members leave about 8 s later plus their grace</td></tr>
<tr><td>Redis or the way to it is away for less than a second</td><td>nothing: what pub/sub lost is read from the history; <code>gap</code> on channels without one</td><td>wait</td><td>wait</td></tr>
<tr><td>the same for longer</td><td>get what their own node publishes; <code>gap</code> when it is back</td><td><code>&quot;degraded&quot;:true</code>, or <code>unavailable</code> with <code>BROKER_REQUIRED=true</code></td><td><code>unavailable</code> after 3 s, and again until it is back</td></tr>
<tr><td>Redis accepts connections and answers nothing</td><td>the same, from the probe on that is late: 4 s at most</td><td>what was sent meanwhile: <code>unavailable</code>; then as above</td><td>the same</td></tr>
<tr><td>Redis restarts, with its data or without; <code>FLUSHALL</code></td><td><code>gap</code> on each channel: a new epoch</td><td>as while it is away</td><td><code>&quot;recovered&quot;:false</code></td></tr>
<tr><td>failover to a replica (Sentinel, Cluster)</td><td><code>gap</code> on each channel of that primary</td><td>as while it is away, until the nodes know the new primary</td><td><code>&quot;recovered&quot;:false</code></td></tr>
<tr><td>a slot of a Cluster moves</td><td><code>gap</code> on its channels</td><td>nothing</td><td><code>&quot;recovered&quot;:false</code></td></tr>
<tr><td>pub/sub loses messages (its output buffer was full)</td><td>nothing: the next message, or the comparison every 25 s, shows the hole</td><td>nothing</td><td>nothing</td></tr>
<tr><td>Redis is out of memory</td><td>nothing new</td><td><code>unavailable</code></td><td><code>&quot;recovered&quot;:true</code> as long as it answers</td></tr>
<tr><td>Redis removes keys before their time (<code>maxmemory-policy</code>)</td><td><code>gap</code></td><td>nothing</td><td><code>&quot;recovered&quot;:false</code>; the log has a warning at the start</td></tr>
<tr><td>a thread of <code>WORKERS</code> throws or hangs</td><td>of that thread: cut, after 5 s where it hangs; of others: nothing</td><td>what is not answered is repeated with its <code>id</code></td><td><code>&quot;recovered&quot;:true</code></td></tr>
<tr><td>a thread of <code>WORKERS</code> is in an endless loop</td><td>after 8 s the process drains: of its thread cut, of others closed with 1012</td><td>as of a process that ends</td><td><code>&quot;recovered&quot;:false</code> without Redis</td></tr>
<tr><td>a node that stalls (its own event loop)</td><td>later; nobody is timed out for it</td><td>later</td><td>–</td></tr>
</tbody>
</table></div>
<p><code>/readyz</code> answers 200 and <code>degraded</code> for a node that does not reach Redis: it still serves its
clients, and to take it out of a load balancer would only move them to a node that is as far away.
<code>systole_broker_up</code> is 0 then, and an <a href="/docs/metrics">alert</a> fires.</p>
</main>
</div>
</body>
</html>
`,
  "capacity": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Capacity · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity" aria-current="page">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#what-things-cost">What things cost</a></li>
<li class="depth-2"><a href="#the-arithmetic">The arithmetic</a></li>
<li class="depth-2"><a href="#ten-thousand-a-million-ten-million">Ten thousand, a million, ten million</a></li>
<li class="depth-3"><a href="#when-all-come-back">When all come back</a></li>
<li class="depth-2"><a href="#where-the-design-would-have-to-change">Where the design would have to change</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Capacity</h1>
<p>How many nodes and how much Redis a number of connections needs. Each figure is measured (AMD EPYC,
Deno 2.9.6, Redis 7.0, loopback, payloads of 128 bytes) and stands with its arithmetic, so that your
own can take its place: <code>deno task bench</code> and <code>deno task bench:cluster</code> measure them on your
machine.</p>
<h2 id="what-things-cost">What things cost<a class="anchor" href="#what-things-cost" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>symbol</th><th>what</th><th>cost</th></tr></thead>
<tbody>
<tr><td><code>base</code></td><td>a process without connections</td><td>105 MB</td></tr>
<tr><td><code>conn</code></td><td>a quiet connection, with the flags of <code>start</code></td><td>12 KiB</td></tr>
<tr><td><code>channel</code></td><td>a channel that has subscribers on the node</td><td>1.1 KiB; with Redis 3.4 KiB, and its latest messages</td></tr>
<tr><td><code>ping</code></td><td>a control ping, an app ping and their answers</td><td>35 µs of CPU</td></tr>
<tr><td><code>upgrade</code></td><td>a connection that is opened</td><td>105 µs of CPU</td></tr>
<tr><td><code>deliver</code></td><td>a publication to one more subscriber of the node</td><td>8 µs of CPU alone, 2 with 4 in flight, 0.5 with 16</td></tr>
<tr><td><code>publish</code></td><td>a publication with a history: the node where it is published</td><td>100 µs of CPU alone, 40 with 8 in flight, 15 with 32</td></tr>
<tr><td><code>receive</code></td><td>the same: each node that has subscribers for the channel</td><td>50 µs of CPU alone, 20 with 8 in flight, 5 with 32</td></tr>
<tr><td><code>redis</code></td><td>the same: Redis</td><td>18 µs of CPU alone, 8 with 32 in flight</td></tr>
<tr><td><code>each</code></td><td>the same: Redis, for each node that has subscribers for the channel</td><td>4.4 µs of CPU alone, 0.35 with 32 in flight</td></tr>
<tr><td><code>kept</code></td><td>a message in the history of Redis</td><td>its data and 35 bytes</td></tr>
<tr><td><code>kept first</code></td><td>a channel with one message in Redis</td><td>4.6 KB</td></tr>
<tr><td><code>pair</code></td><td>a channel that a node is subscribed to in Redis</td><td>0.46 KB</td></tr>
<tr><td><code>id</code></td><td>a publication with an <code>id</code>, for <code>DEDUPE_MS</code></td><td>0.16 KB of Redis</td></tr>
<tr><td><code>resume</code></td><td>a client that has missed 100 messages of a channel of its own</td><td>0.6 ms of CPU, 0.12 ms of Redis</td></tr>
<tr><td><code>wire</code></td><td>a delivery on its way, with the headers of TCP</td><td>270 bytes</td></tr>
<tr><td><code>wire redis</code></td><td>a publication to Redis, and from it to each node</td><td>450 bytes, and 250 to each</td></tr>
</tbody>
</table></div>
<p>&quot;Alone&quot; is a node that does nothing else: it wakes up for each message and writes each by itself.
What comes while it works is read, sent and written together, so the cost falls as the load rises: a
node that looks half busy is not at half of what it can carry. Plan with the cost alone, and look at
the CPU.</p>
<h2 id="the-arithmetic">The arithmetic<a class="anchor" href="#the-arithmetic" aria-label="Link to this section">#</a></h2>
<p>For <code>C</code> connections, each of which gets <code>m</code> messages a second on channels of <code>s</code> subscribers:</p>
<ul>
<li>Publications: <code>p = C × m ÷ s</code> a second.</li>
<li>Nodes by connections: <code>N = C ÷ MAX_CONNECTIONS</code>, 15 000 by default. Memory of each:
<code>base + C ÷ N × conn</code>, and as much again for send queues and the histories of its channels.</li>
<li>Nodes that have subscribers for a channel: <code>k = N × (1 − (1 − 1 ÷ N)^s)</code> where clients land
anywhere, 1 where a load balancer sends the subscribers of a channel to one node.</li>
<li>CPU of a node, in cores:
<code>(C × m × deliver + C ÷ period × ping + p × publish + p × k × receive) ÷ N</code>.</li>
<li>CPU of Redis, in cores: <code>p × (redis + k × each)</code>.</li>
<li>Memory of Redis: <code>C ÷ s</code> channels, each <code>kept first</code>, <code>kept</code> for each further message that it has
within <code>HISTORY_TTL_MS</code>, at most <code>HISTORY_MESSAGES</code>, and <code>pair × k</code>.</li>
<li>Network of Redis: <code>p × 450</code> bytes a second in, <code>p × k × 250</code> out.</li>
<li>After a restart of everything: <code>C × upgrade</code>, and <code>C × resume</code> where every client has missed
messages, divided by the nodes. All nodes together take <code>ADMISSION_PER_SECOND</code> of them a second.</li>
</ul>
<h2 id="ten-thousand-a-million-ten-million">Ten thousand, a million, ten million<a class="anchor" href="#ten-thousand-a-million-ten-million" aria-label="Link to this section">#</a></h2>
<p>With a message every five seconds for each connection (<code>m</code> = 0.2), channels of 100 subscribers, a
ping every 54 s, and clients that land anywhere:</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>Connections</th><th class="right">10 000</th><th class="right">1 000 000</th><th class="right">10 000 000</th></tr></thead>
<tbody>
<tr><td>publications a second, <code>p</code></td><td class="right">20</td><td class="right">2 000</td><td class="right">20 000</td></tr>
<tr><td>deliveries a second, <code>C × m</code></td><td class="right">2 000</td><td class="right">200 000</td><td class="right">2 000 000</td></tr>
<tr><td>nodes, <code>N</code></td><td class="right">1</td><td class="right">67</td><td class="right">667</td></tr>
<tr><td>nodes for each channel, <code>k</code></td><td class="right">1</td><td class="right">52</td><td class="right">93</td></tr>
<tr><td>memory of a node, for its connections</td><td class="right">230 MB</td><td class="right">290 MB</td><td class="right">290 MB</td></tr>
<tr><td>deliveries of a node, cores</td><td class="right">0.016</td><td class="right">0.024</td><td class="right">0.024</td></tr>
<tr><td>pings of a node, cores</td><td class="right">0.0065</td><td class="right">0.010</td><td class="right">0.010</td></tr>
<tr><td>publications of a node, both sides, cores</td><td class="right">–</td><td class="right">0.008 to 0.08</td><td class="right">0.014 to 0.14</td></tr>
<tr><td>CPU of Redis, cores</td><td class="right">none</td><td class="right">0.05 to 0.5</td><td class="right">0.8 to 8.5</td></tr>
<tr><td>memory of Redis</td><td class="right">none</td><td class="right">380 MB</td><td class="right">5.7 GB</td></tr>
<tr><td>network of Redis, out</td><td class="right">none</td><td class="right">26 MB/s</td><td class="right">465 MB/s</td></tr>
<tr><td>network of a node to its clients</td><td class="right">0.5 MB/s</td><td class="right">0.8 MB/s</td><td class="right">0.8 MB/s</td></tr>
<tr><td>Redis</td><td class="right">none</td><td class="right">one</td><td class="right">a Cluster of 10 to 16</td></tr>
</tbody>
</table></div>
<ul>
<li><strong>Ten thousand</strong>: one process, a fortieth of a core. A second one and Redis are for restarts that
nobody notices, not for the load.</li>
<li><strong>A million</strong>: connections decide, not messages: at a tenth of a core each, the 67 nodes fit on a
dozen machines of eight cores, as processes or as threads (<code>WORKERS</code>; each thread is a node).
<code>MAX_CONNECTIONS=30000</code> halves them. One Redis and a replica with Sentinel; set <code>maxmemory</code> to
twice what the table says.</li>
<li><strong>Ten million</strong>: what grows is <code>k</code>. Each of 100 000 channels is subscribed to on 93 nodes: 9.3
million pairs take 4.3 GB, three quarters of all memory, and most of the CPU. A Cluster spreads
channels over its primaries (three connections from each node to each primary: 2000 to each). A
load balancer that hashes the channel (nginx: <code>hash $arg_channel consistent</code> where your clients
put it into the URL) brings <code>k</code> near 1, and Redis back to one primary: 20 000 × 22.4 µs is 0.45
cores, and 1.5 GB are left of the memory.</li>
</ul>
<p>Bytes of Redis for a million: 10 000 channels × (4.6 KB + 60 messages in five minutes × 163 bytes) =
144 MB, and 10 000 × 52 pairs × 0.46 KB = 239 MB. For ten million: 1.44 GB and 4.28 GB.</p>
<h3 id="when-all-come-back">When all come back<a class="anchor" href="#when-all-come-back" aria-label="Link to this section">#</a></h3>
<p>A million clients at <code>ADMISSION_PER_SECOND=500</code> come back within 33 minutes: raise it with the
number of nodes. An upgrade takes 105 µs, a resume on a channel that others have read already 0.13
ms: with a quarter of a core for them, a node admits 1000 a second, and 67 nodes a million within 15
s. Where each client resumes a channel of its own, 0.7 ms each, it is 300 a second and 50 s, and
Redis is asked 20 000 times a second, 2.4 cores: let Redis set the pace then, at 4000 a second.</p>
<h2 id="where-the-design-would-have-to-change">Where the design would have to change<a class="anchor" href="#where-the-design-would-have-to-change" aria-label="Link to this section">#</a></h2>
<ul>
<li><strong>One channel for everybody.</strong> A channel lives on one primary, and each message of it goes to all
nodes: with 667 of them 0.24 to 2.9 ms of its CPU and 167 KB of its network. That is the bound of
such a channel: 300 messages a second are safe, some thousands possible. Beyond that nodes would
have to pass messages on to each other, as a tree, or one process of a machine would receive for
all of them.</li>
<li><strong>More than some 1000 nodes.</strong> Each node raises its lease every 2 s and reads those of all others,
which takes 157 µs of one primary with 667 nodes and 930 µs with 2000 (measured): 334 of them a
second are a twentieth of a core, 1000 a whole one. Questions to the whole hub (the lists of the
API, the live page) have as many answers as nodes: from a hundred nodes on use <code>?scope=node</code>, and
Prometheus for sums. Leases would have to be kept in groups.</li>
<li><strong>More than one region.</strong> Every publication with a history is a round trip to one primary before
it is delivered, and a subscription on a channel that is new to its node is one, too. Run a hub in
each region, and let a client of both carry over what both need.</li>
<li><strong>More than some 100 000 publications a second on one primary</strong>, with a history and pipelined:
<code>8 + 0.35 × k</code> µs each. A Cluster divides channels, so it divides this, too, as long as no single
channel has them all.</li>
<li><strong>Acknowledged means kept, even when a primary dies.</strong> Redis cannot promise that
(<a href="/docs/scaling#what-is-guaranteed">what is guaranteed</a>): that needs another engine behind the
<code>Broker</code> port, one that answers after a quorum has written.</li>
</ul>
</main>
</div>
</body>
</html>
`,
  "liveness": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Liveness and health · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness" aria-current="page">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#signs-of-life">Signs of life</a></li>
<li class="depth-2"><a href="#the-deadline">The deadline</a></li>
<li class="depth-2"><a href="#how-long-it-takes-and-whom-it-spares">How long it takes, and whom it spares</a></li>
<li class="depth-2"><a href="#missed-heartbeats">Missed heartbeats</a></li>
<li class="depth-2"><a href="#a-stall-of-the-server">A stall of the server</a></li>
<li class="depth-2"><a href="#health">Health</a></li>
<li class="depth-2"><a href="#liveness-states">Liveness states</a></li>
<li class="depth-2"><a href="#why-did-this-client-drop">Why did this client drop?</a></li>
<li class="depth-2"><a href="#how-a-connection-ends">How a connection ends</a></li>
<li class="depth-2"><a href="#causes">Causes</a></li>
<li class="depth-2"><a href="#idle-timeouts-on-the-way">Idle timeouts on the way</a></li>
<li class="depth-2"><a href="#rejected-upgrades">Rejected upgrades</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Liveness and health</h1>
<h2 id="signs-of-life">Signs of life<a class="anchor" href="#signs-of-life" aria-label="Link to this section">#</a></h2>
<p>Every frame that arrives, whatever it holds, and every control pong is a sign of life. infoway and
talo accept only their own heartbeats, as <a href="/docs/messages">Messages</a> says. Sending to a peer never is a
sign of life.</p>
<h2 id="the-deadline">The deadline<a class="anchor" href="#the-deadline" aria-label="Link to this section">#</a></h2>
<p>A connection without a sign of life for <code>PONG_WAIT_MS</code> expires. The bound: a peer that vanishes is
terminated at most <code>PONG_WAIT_MS</code> + 100 ms after its last sign of life, plus the length of each
stall of the server, plus the same length again after each stall, at most 250 ms.
<code>systole_dead_peer_detection_seconds</code> measures what it really took.</p>
<h2 id="how-long-it-takes-and-whom-it-spares">How long it takes, and whom it spares<a class="anchor" href="#how-long-it-takes-and-whom-it-spares" aria-label="Link to this section">#</a></h2>
<p>10 000 connections of each system, with its defaults, were cut in both directions at a random moment
in the <a href="/docs/contributing">simulation</a>: ways of up to 120 ms with jitter, and clients that say nothing
but what keeps them alive. Then a hub with 100 connections of one system stalled 1000 times for 3 to
10 s, and no connection was cut. The columns count from the last sign of life, from the cut, and the
connections that were ended by mistake among all that were open in a stall. <code>deno task sim:liveness</code>
makes them anew.</p>
<p><svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 720 358" font-family="system-ui, sans-serif"
  font-size="12" fill="#64748b" role="img">
  <title>Seconds from the cut of a connection to its end, by system</title>
  <text x="96"
    y="16">from the cut of a connection to its end; red: the bound, from its last sign of life</text>
  <text x="86" y="72" text-anchor="end">json</text>
  <rect x="146.8" y="71.2" width="4.0" height="8.8" fill="#3b82f6" />
  <rect x="151.4" y="69.8" width="4.0" height="10.2" fill="#3b82f6" />
  <rect x="156.0" y="69.5" width="4.0" height="10.5" fill="#3b82f6" />
  <rect x="160.6" y="71.5" width="4.0" height="8.5" fill="#3b82f6" />
  <rect x="165.2" y="72.1" width="4.0" height="7.9" fill="#3b82f6" />
  <rect x="169.8" y="71.5" width="4.0" height="8.5" fill="#3b82f6" />
  <rect x="174.5" y="72.3" width="4.0" height="7.7" fill="#3b82f6" />
  <rect x="179.1" y="70.6" width="4.0" height="9.4" fill="#3b82f6" />
  <rect x="183.7" y="67.8" width="4.0" height="12.2" fill="#3b82f6" />
  <rect x="188.3" y="70.0" width="4.0" height="10.0" fill="#3b82f6" />
  <rect x="192.9" y="68.5" width="4.0" height="11.5" fill="#3b82f6" />
  <rect x="197.5" y="71.2" width="4.0" height="8.8" fill="#3b82f6" />
  <rect x="202.2" y="70.0" width="4.0" height="10.0" fill="#3b82f6" />
  <rect x="206.8" y="68.7" width="4.0" height="11.3" fill="#3b82f6" />
  <rect x="211.4" y="68.7" width="4.0" height="11.3" fill="#3b82f6" />
  <rect x="216.0" y="68.9" width="4.0" height="11.1" fill="#3b82f6" />
  <rect x="220.6" y="67.6" width="4.0" height="12.4" fill="#3b82f6" />
  <rect x="225.2" y="67.4" width="4.0" height="12.6" fill="#3b82f6" />
  <rect x="229.8" y="67.6" width="4.0" height="12.4" fill="#3b82f6" />
  <rect x="234.5" y="69.5" width="4.0" height="10.5" fill="#3b82f6" />
  <rect x="239.1" y="71.5" width="4.0" height="8.5" fill="#3b82f6" />
  <rect x="243.7" y="67.4" width="4.0" height="12.6" fill="#3b82f6" />
  <rect x="248.3" y="71.2" width="4.0" height="8.8" fill="#3b82f6" />
  <rect x="252.9" y="68.9" width="4.0" height="11.1" fill="#3b82f6" />
  <rect x="257.5" y="67.6" width="4.0" height="12.4" fill="#3b82f6" />
  <rect x="262.2" y="68.5" width="4.0" height="11.5" fill="#3b82f6" />
  <rect x="266.8" y="67.8" width="4.0" height="12.2" fill="#3b82f6" />
  <rect x="271.4" y="64.6" width="4.0" height="15.4" fill="#3b82f6" />
  <rect x="276.0" y="67.4" width="4.0" height="12.6" fill="#3b82f6" />
  <rect x="280.6" y="67.0" width="4.0" height="13.0" fill="#3b82f6" />
  <rect x="285.2" y="68.5" width="4.0" height="11.5" fill="#3b82f6" />
  <rect x="289.8" y="67.8" width="4.0" height="12.2" fill="#3b82f6" />
  <rect x="294.5" y="63.6" width="4.0" height="16.4" fill="#3b82f6" />
  <rect x="299.1" y="66.6" width="4.0" height="13.4" fill="#3b82f6" />
  <rect x="303.7" y="67.0" width="4.0" height="13.0" fill="#3b82f6" />
  <rect x="308.3" y="68.7" width="4.0" height="11.3" fill="#3b82f6" />
  <rect x="312.9" y="70.0" width="4.0" height="10.0" fill="#3b82f6" />
  <rect x="317.5" y="68.3" width="4.0" height="11.7" fill="#3b82f6" />
  <rect x="322.2" y="64.4" width="4.0" height="15.6" fill="#3b82f6" />
  <rect x="326.8" y="67.2" width="4.0" height="12.8" fill="#3b82f6" />
  <rect x="331.4" y="66.3" width="4.0" height="13.7" fill="#3b82f6" />
  <rect x="336.0" y="67.0" width="4.0" height="13.0" fill="#3b82f6" />
  <rect x="340.6" y="69.1" width="4.0" height="10.9" fill="#3b82f6" />
  <rect x="345.2" y="64.8" width="4.0" height="15.2" fill="#3b82f6" />
  <rect x="349.8" y="69.5" width="4.0" height="10.5" fill="#3b82f6" />
  <rect x="354.5" y="68.7" width="4.0" height="11.3" fill="#3b82f6" />
  <rect x="359.1" y="68.0" width="4.0" height="12.0" fill="#3b82f6" />
  <rect x="363.7" y="69.8" width="4.0" height="10.2" fill="#3b82f6" />
  <rect x="368.3" y="65.7" width="4.0" height="14.3" fill="#3b82f6" />
  <rect x="372.9" y="65.7" width="4.0" height="14.3" fill="#3b82f6" />
  <rect x="377.5" y="54.6" width="4.0" height="25.4" fill="#3b82f6" />
  <rect x="382.2" y="50.3" width="4.0" height="29.7" fill="#3b82f6" />
  <rect x="386.8" y="53.1" width="4.0" height="26.9" fill="#3b82f6" />
  <rect x="391.4" y="52.7" width="4.0" height="27.3" fill="#3b82f6" />
  <rect x="396.0" y="49.7" width="4.0" height="30.3" fill="#3b82f6" />
  <rect x="400.6" y="51.6" width="4.0" height="28.4" fill="#3b82f6" />
  <rect x="405.2" y="53.5" width="4.0" height="26.5" fill="#3b82f6" />
  <rect x="409.8" y="52.0" width="4.0" height="28.0" fill="#3b82f6" />
  <rect x="414.5" y="55.7" width="4.0" height="24.3" fill="#3b82f6" />
  <rect x="419.1" y="48.6" width="4.0" height="31.4" fill="#3b82f6" />
  <rect x="423.7" y="49.5" width="4.0" height="30.5" fill="#3b82f6" />
  <rect x="428.3" y="49.3" width="4.0" height="30.7" fill="#3b82f6" />
  <rect x="432.9" y="53.7" width="4.0" height="26.3" fill="#3b82f6" />
  <rect x="437.5" y="53.7" width="4.0" height="26.3" fill="#3b82f6" />
  <rect x="442.2" y="52.7" width="4.0" height="27.3" fill="#3b82f6" />
  <rect x="446.8" y="50.8" width="4.0" height="29.2" fill="#3b82f6" />
  <rect x="451.4" y="49.9" width="4.0" height="30.1" fill="#3b82f6" />
  <rect x="456.0" y="46.3" width="4.0" height="33.7" fill="#3b82f6" />
  <rect x="460.6" y="53.5" width="4.0" height="26.5" fill="#3b82f6" />
  <rect x="465.2" y="46.9" width="4.0" height="33.1" fill="#3b82f6" />
  <rect x="469.8" y="46.5" width="4.0" height="33.5" fill="#3b82f6" />
  <rect x="474.5" y="50.5" width="4.0" height="29.5" fill="#3b82f6" />
  <rect x="479.1" y="51.2" width="4.0" height="28.8" fill="#3b82f6" />
  <rect x="483.7" y="48.4" width="4.0" height="31.6" fill="#3b82f6" />
  <rect x="488.3" y="44.8" width="4.0" height="35.2" fill="#3b82f6" />
  <rect x="492.9" y="51.0" width="4.0" height="29.0" fill="#3b82f6" />
  <rect x="497.5" y="50.8" width="4.0" height="29.2" fill="#3b82f6" />
  <rect x="502.2" y="42.0" width="4.0" height="38.0" fill="#3b82f6" />
  <rect x="506.8" y="50.3" width="4.0" height="29.7" fill="#3b82f6" />
  <rect x="511.4" y="48.4" width="4.0" height="31.6" fill="#3b82f6" />
  <rect x="516.0" y="47.8" width="4.0" height="32.2" fill="#3b82f6" />
  <rect x="520.6" y="44.8" width="4.0" height="35.2" fill="#3b82f6" />
  <rect x="525.2" y="47.8" width="4.0" height="32.2" fill="#3b82f6" />
  <rect x="529.8" y="45.4" width="4.0" height="34.6" fill="#3b82f6" />
  <rect x="534.5" y="50.1" width="4.0" height="29.9" fill="#3b82f6" />
  <rect x="539.1" y="47.3" width="4.0" height="32.7" fill="#3b82f6" />
  <rect x="543.7" y="51.6" width="4.0" height="28.4" fill="#3b82f6" />
  <rect x="548.3" y="47.8" width="4.0" height="32.2" fill="#3b82f6" />
  <rect x="552.9" y="45.8" width="4.0" height="34.2" fill="#3b82f6" />
  <rect x="557.5" y="49.0" width="4.0" height="31.0" fill="#3b82f6" />
  <rect x="562.2" y="49.0" width="4.0" height="31.0" fill="#3b82f6" />
  <rect x="566.8" y="42.6" width="4.0" height="37.4" fill="#3b82f6" />
  <rect x="571.4" y="46.3" width="4.0" height="33.7" fill="#3b82f6" />
  <rect x="576.0" y="49.3" width="4.0" height="30.7" fill="#3b82f6" />
  <rect x="580.6" y="50.1" width="4.0" height="29.9" fill="#3b82f6" />
  <rect x="585.2" y="49.5" width="4.0" height="30.5" fill="#3b82f6" />
  <rect x="589.8" y="46.7" width="4.0" height="33.3" fill="#3b82f6" />
  <rect x="594.5" y="49.0" width="4.0" height="31.0" fill="#3b82f6" />
  <rect x="599.1" y="45.2" width="4.0" height="34.8" fill="#3b82f6" />
  <rect x="603.7" y="45.8" width="4.0" height="34.2" fill="#3b82f6" />
  <rect x="608.3" y="59.3" width="4.0" height="20.7" fill="#3b82f6" />
  <path d="M96 80H696" stroke="#94a3b8" />
  <path d="M611.1 80V38" stroke="#dc2626" stroke-width="1.5" />
  <text x="86" y="130" text-anchor="end">events-hub</text>
  <rect x="396.0" y="134.0" width="4.0" height="4.0" fill="#3b82f6" />
  <rect x="400.6" y="133.4" width="4.0" height="4.6" fill="#3b82f6" />
  <rect x="405.2" y="132.4" width="4.0" height="5.6" fill="#3b82f6" />
  <rect x="409.8" y="133.3" width="4.0" height="4.8" fill="#3b82f6" />
  <rect x="414.5" y="133.3" width="4.0" height="4.8" fill="#3b82f6" />
  <rect x="419.1" y="133.1" width="4.0" height="4.9" fill="#3b82f6" />
  <rect x="423.7" y="132.3" width="4.0" height="5.7" fill="#3b82f6" />
  <rect x="428.3" y="132.7" width="4.0" height="5.3" fill="#3b82f6" />
  <rect x="432.9" y="133.1" width="4.0" height="4.9" fill="#3b82f6" />
  <rect x="437.5" y="133.0" width="4.0" height="5.0" fill="#3b82f6" />
  <rect x="442.2" y="131.6" width="4.0" height="6.4" fill="#3b82f6" />
  <rect x="446.8" y="130.9" width="4.0" height="7.1" fill="#3b82f6" />
  <rect x="451.4" y="130.7" width="4.0" height="7.3" fill="#3b82f6" />
  <rect x="456.0" y="130.0" width="4.0" height="8.0" fill="#3b82f6" />
  <rect x="460.6" y="129.6" width="4.0" height="8.4" fill="#3b82f6" />
  <rect x="465.2" y="132.0" width="4.0" height="6.0" fill="#3b82f6" />
  <rect x="469.8" y="131.0" width="4.0" height="7.0" fill="#3b82f6" />
  <rect x="474.5" y="129.7" width="4.0" height="8.3" fill="#3b82f6" />
  <rect x="479.1" y="128.8" width="4.0" height="9.2" fill="#3b82f6" />
  <rect x="483.7" y="130.8" width="4.0" height="7.2" fill="#3b82f6" />
  <rect x="488.3" y="130.9" width="4.0" height="7.1" fill="#3b82f6" />
  <rect x="492.9" y="128.5" width="4.0" height="9.5" fill="#3b82f6" />
  <rect x="497.5" y="127.4" width="4.0" height="10.6" fill="#3b82f6" />
  <rect x="502.2" y="127.2" width="4.0" height="10.8" fill="#3b82f6" />
  <rect x="506.8" y="126.8" width="4.0" height="11.2" fill="#3b82f6" />
  <rect x="511.4" y="126.2" width="4.0" height="11.8" fill="#3b82f6" />
  <rect x="516.0" y="126.6" width="4.0" height="11.4" fill="#3b82f6" />
  <rect x="520.6" y="124.8" width="4.0" height="13.2" fill="#3b82f6" />
  <rect x="525.2" y="116.8" width="4.0" height="21.2" fill="#3b82f6" />
  <rect x="529.8" y="116.5" width="4.0" height="21.5" fill="#3b82f6" />
  <rect x="534.5" y="116.1" width="4.0" height="21.9" fill="#3b82f6" />
  <rect x="539.1" y="115.5" width="4.0" height="22.5" fill="#3b82f6" />
  <rect x="543.7" y="112.2" width="4.0" height="25.8" fill="#3b82f6" />
  <rect x="548.3" y="114.4" width="4.0" height="23.6" fill="#3b82f6" />
  <rect x="552.9" y="110.5" width="4.0" height="27.5" fill="#3b82f6" />
  <rect x="557.5" y="108.7" width="4.0" height="29.3" fill="#3b82f6" />
  <rect x="562.2" y="110.8" width="4.0" height="27.2" fill="#3b82f6" />
  <rect x="566.8" y="110.0" width="4.0" height="28.0" fill="#3b82f6" />
  <rect x="571.4" y="107.7" width="4.0" height="30.3" fill="#3b82f6" />
  <rect x="576.0" y="110.3" width="4.0" height="27.7" fill="#3b82f6" />
  <rect x="580.6" y="111.6" width="4.0" height="26.4" fill="#3b82f6" />
  <rect x="585.2" y="112.2" width="4.0" height="25.8" fill="#3b82f6" />
  <rect x="589.8" y="107.7" width="4.0" height="30.3" fill="#3b82f6" />
  <rect x="594.5" y="108.0" width="4.0" height="30.0" fill="#3b82f6" />
  <rect x="599.1" y="105.0" width="4.0" height="33.0" fill="#3b82f6" />
  <rect x="603.7" y="103.2" width="4.0" height="34.8" fill="#3b82f6" />
  <rect x="608.3" y="107.0" width="4.0" height="31.0" fill="#3b82f6" />
  <rect x="612.9" y="107.6" width="4.0" height="30.4" fill="#3b82f6" />
  <rect x="617.5" y="105.8" width="4.0" height="32.2" fill="#3b82f6" />
  <rect x="622.2" y="104.6" width="4.0" height="33.4" fill="#3b82f6" />
  <rect x="626.8" y="103.3" width="4.0" height="34.7" fill="#3b82f6" />
  <rect x="631.4" y="101.2" width="4.0" height="36.8" fill="#3b82f6" />
  <rect x="636.0" y="102.5" width="4.0" height="35.5" fill="#3b82f6" />
  <rect x="640.6" y="100.0" width="4.0" height="38.0" fill="#3b82f6" />
  <rect x="645.2" y="101.5" width="4.0" height="36.5" fill="#3b82f6" />
  <rect x="649.8" y="110.3" width="4.0" height="27.7" fill="#3b82f6" />
  <path d="M96 138H696" stroke="#94a3b8" />
  <path d="M654.0 138V96" stroke="#dc2626" stroke-width="1.5" />
  <text x="86" y="188" text-anchor="end">infoway</text>
  <rect x="349.8" y="190.2" width="4.0" height="5.8" fill="#3b82f6" />
  <rect x="354.5" y="166.3" width="4.0" height="29.7" fill="#3b82f6" />
  <rect x="359.1" y="159.8" width="4.0" height="36.2" fill="#3b82f6" />
  <rect x="363.7" y="164.9" width="4.0" height="31.1" fill="#3b82f6" />
  <rect x="368.3" y="162.7" width="4.0" height="33.3" fill="#3b82f6" />
  <rect x="372.9" y="165.1" width="4.0" height="30.9" fill="#3b82f6" />
  <rect x="377.5" y="166.1" width="4.0" height="29.9" fill="#3b82f6" />
  <rect x="382.2" y="164.5" width="4.0" height="31.5" fill="#3b82f6" />
  <rect x="386.8" y="163.6" width="4.0" height="32.4" fill="#3b82f6" />
  <rect x="391.4" y="165.6" width="4.0" height="30.4" fill="#3b82f6" />
  <rect x="396.0" y="168.1" width="4.0" height="27.9" fill="#3b82f6" />
  <rect x="400.6" y="170.7" width="4.0" height="25.3" fill="#3b82f6" />
  <rect x="405.2" y="159.8" width="4.0" height="36.2" fill="#3b82f6" />
  <rect x="409.8" y="167.2" width="4.0" height="28.8" fill="#3b82f6" />
  <rect x="414.5" y="162.9" width="4.0" height="33.1" fill="#3b82f6" />
  <rect x="419.1" y="160.7" width="4.0" height="35.3" fill="#3b82f6" />
  <rect x="423.7" y="163.1" width="4.0" height="32.9" fill="#3b82f6" />
  <rect x="428.3" y="162.9" width="4.0" height="33.1" fill="#3b82f6" />
  <rect x="432.9" y="162.7" width="4.0" height="33.3" fill="#3b82f6" />
  <rect x="437.5" y="169.6" width="4.0" height="26.4" fill="#3b82f6" />
  <rect x="442.2" y="159.8" width="4.0" height="36.2" fill="#3b82f6" />
  <rect x="446.8" y="166.1" width="4.0" height="29.9" fill="#3b82f6" />
  <rect x="451.4" y="162.2" width="4.0" height="33.8" fill="#3b82f6" />
  <rect x="456.0" y="163.6" width="4.0" height="32.4" fill="#3b82f6" />
  <rect x="460.6" y="163.2" width="4.0" height="32.8" fill="#3b82f6" />
  <rect x="465.2" y="161.3" width="4.0" height="34.7" fill="#3b82f6" />
  <rect x="469.8" y="161.6" width="4.0" height="34.4" fill="#3b82f6" />
  <rect x="474.5" y="160.7" width="4.0" height="35.3" fill="#3b82f6" />
  <rect x="479.1" y="160.5" width="4.0" height="35.5" fill="#3b82f6" />
  <rect x="483.7" y="162.9" width="4.0" height="33.1" fill="#3b82f6" />
  <rect x="488.3" y="161.6" width="4.0" height="34.4" fill="#3b82f6" />
  <rect x="492.9" y="165.4" width="4.0" height="30.6" fill="#3b82f6" />
  <rect x="497.5" y="164.0" width="4.0" height="32.0" fill="#3b82f6" />
  <rect x="502.2" y="165.2" width="4.0" height="30.8" fill="#3b82f6" />
  <rect x="506.8" y="162.2" width="4.0" height="33.8" fill="#3b82f6" />
  <rect x="511.4" y="164.9" width="4.0" height="31.1" fill="#3b82f6" />
  <rect x="516.0" y="163.4" width="4.0" height="32.6" fill="#3b82f6" />
  <rect x="520.6" y="159.6" width="4.0" height="36.4" fill="#3b82f6" />
  <rect x="525.2" y="158.0" width="4.0" height="38.0" fill="#3b82f6" />
  <rect x="529.8" y="164.3" width="4.0" height="31.7" fill="#3b82f6" />
  <rect x="534.5" y="162.3" width="4.0" height="33.7" fill="#3b82f6" />
  <rect x="539.1" y="162.5" width="4.0" height="33.5" fill="#3b82f6" />
  <rect x="543.7" y="162.5" width="4.0" height="33.5" fill="#3b82f6" />
  <rect x="548.3" y="165.2" width="4.0" height="30.8" fill="#3b82f6" />
  <rect x="552.9" y="163.6" width="4.0" height="32.4" fill="#3b82f6" />
  <rect x="557.5" y="163.8" width="4.0" height="32.2" fill="#3b82f6" />
  <rect x="562.2" y="160.7" width="4.0" height="35.3" fill="#3b82f6" />
  <rect x="566.8" y="165.1" width="4.0" height="30.9" fill="#3b82f6" />
  <rect x="571.4" y="166.7" width="4.0" height="29.3" fill="#3b82f6" />
  <rect x="576.0" y="159.8" width="4.0" height="36.2" fill="#3b82f6" />
  <rect x="580.6" y="164.7" width="4.0" height="31.3" fill="#3b82f6" />
  <rect x="585.2" y="168.3" width="4.0" height="27.7" fill="#3b82f6" />
  <rect x="589.8" y="160.0" width="4.0" height="36.0" fill="#3b82f6" />
  <rect x="594.5" y="159.6" width="4.0" height="36.4" fill="#3b82f6" />
  <rect x="599.1" y="160.7" width="4.0" height="35.3" fill="#3b82f6" />
  <rect x="603.7" y="167.6" width="4.0" height="28.4" fill="#3b82f6" />
  <rect x="608.3" y="182.1" width="4.0" height="13.9" fill="#3b82f6" />
  <path d="M96 196H696" stroke="#94a3b8" />
  <path d="M611.1 196V154" stroke="#dc2626" stroke-width="1.5" />
  <text x="86" y="246" text-anchor="end">tank</text>
  <rect x="179.1" y="247.6" width="4.0" height="6.4" fill="#3b82f6" />
  <rect x="183.7" y="240.8" width="4.0" height="13.2" fill="#3b82f6" />
  <rect x="188.3" y="238.4" width="4.0" height="15.6" fill="#3b82f6" />
  <rect x="192.9" y="238.6" width="4.0" height="15.4" fill="#3b82f6" />
  <rect x="197.5" y="238.8" width="4.0" height="15.2" fill="#3b82f6" />
  <rect x="202.2" y="220.7" width="4.0" height="33.3" fill="#3b82f6" />
  <rect x="206.8" y="216.4" width="4.0" height="37.6" fill="#3b82f6" />
  <rect x="211.4" y="216.5" width="4.0" height="37.5" fill="#3b82f6" />
  <rect x="216.0" y="216.0" width="4.0" height="38.0" fill="#3b82f6" />
  <rect x="220.6" y="220.0" width="4.0" height="34.0" fill="#3b82f6" />
  <path d="M96 254H696" stroke="#94a3b8" />
  <path d="M225.4 254V212" stroke="#dc2626" stroke-width="1.5" />
  <text x="86" y="304" text-anchor="end">talo</text>
  <rect x="349.8" y="293.2" width="4.0" height="18.8" fill="#3b82f6" />
  <rect x="354.5" y="279.2" width="4.0" height="32.8" fill="#3b82f6" />
  <rect x="359.1" y="277.9" width="4.0" height="34.1" fill="#3b82f6" />
  <rect x="363.7" y="280.4" width="4.0" height="31.6" fill="#3b82f6" />
  <rect x="368.3" y="277.7" width="4.0" height="34.3" fill="#3b82f6" />
  <rect x="372.9" y="278.5" width="4.0" height="33.5" fill="#3b82f6" />
  <rect x="377.5" y="276.8" width="4.0" height="35.2" fill="#3b82f6" />
  <rect x="382.2" y="280.3" width="4.0" height="31.7" fill="#3b82f6" />
  <rect x="386.8" y="277.3" width="4.0" height="34.7" fill="#3b82f6" />
  <rect x="391.4" y="279.5" width="4.0" height="32.5" fill="#3b82f6" />
  <rect x="396.0" y="277.2" width="4.0" height="34.8" fill="#3b82f6" />
  <rect x="400.6" y="279.6" width="4.0" height="32.4" fill="#3b82f6" />
  <rect x="405.2" y="278.7" width="4.0" height="33.3" fill="#3b82f6" />
  <rect x="409.8" y="281.2" width="4.0" height="30.8" fill="#3b82f6" />
  <rect x="414.5" y="274.0" width="4.0" height="38.0" fill="#3b82f6" />
  <rect x="419.1" y="278.4" width="4.0" height="33.6" fill="#3b82f6" />
  <rect x="423.7" y="281.1" width="4.0" height="30.9" fill="#3b82f6" />
  <rect x="428.3" y="279.5" width="4.0" height="32.5" fill="#3b82f6" />
  <rect x="432.9" y="279.9" width="4.0" height="32.1" fill="#3b82f6" />
  <rect x="437.5" y="275.3" width="4.0" height="36.7" fill="#3b82f6" />
  <rect x="442.2" y="278.0" width="4.0" height="34.0" fill="#3b82f6" />
  <rect x="446.8" y="281.5" width="4.0" height="30.5" fill="#3b82f6" />
  <rect x="451.4" y="275.7" width="4.0" height="36.3" fill="#3b82f6" />
  <rect x="456.0" y="278.4" width="4.0" height="33.6" fill="#3b82f6" />
  <rect x="460.6" y="277.2" width="4.0" height="34.8" fill="#3b82f6" />
  <rect x="465.2" y="279.6" width="4.0" height="32.4" fill="#3b82f6" />
  <rect x="469.8" y="274.9" width="4.0" height="37.1" fill="#3b82f6" />
  <rect x="474.5" y="276.5" width="4.0" height="35.5" fill="#3b82f6" />
  <rect x="479.1" y="292.0" width="4.0" height="20.0" fill="#3b82f6" />
  <rect x="483.7" y="295.3" width="4.0" height="16.7" fill="#3b82f6" />
  <rect x="488.3" y="295.6" width="4.0" height="16.4" fill="#3b82f6" />
  <rect x="492.9" y="298.4" width="4.0" height="13.6" fill="#3b82f6" />
  <rect x="497.5" y="298.3" width="4.0" height="13.7" fill="#3b82f6" />
  <rect x="502.2" y="297.6" width="4.0" height="14.4" fill="#3b82f6" />
  <rect x="506.8" y="296.3" width="4.0" height="15.7" fill="#3b82f6" />
  <rect x="511.4" y="297.2" width="4.0" height="14.8" fill="#3b82f6" />
  <rect x="516.0" y="298.0" width="4.0" height="14.0" fill="#3b82f6" />
  <rect x="520.6" y="298.5" width="4.0" height="13.5" fill="#3b82f6" />
  <rect x="525.2" y="297.2" width="4.0" height="14.8" fill="#3b82f6" />
  <rect x="529.8" y="298.5" width="4.0" height="13.5" fill="#3b82f6" />
  <rect x="534.5" y="298.1" width="4.0" height="13.9" fill="#3b82f6" />
  <rect x="539.1" y="299.6" width="4.0" height="12.4" fill="#3b82f6" />
  <rect x="543.7" y="294.9" width="4.0" height="17.1" fill="#3b82f6" />
  <rect x="548.3" y="298.5" width="4.0" height="13.5" fill="#3b82f6" />
  <rect x="552.9" y="296.8" width="4.0" height="15.2" fill="#3b82f6" />
  <rect x="557.5" y="299.7" width="4.0" height="12.3" fill="#3b82f6" />
  <rect x="562.2" y="298.8" width="4.0" height="13.2" fill="#3b82f6" />
  <rect x="566.8" y="296.7" width="4.0" height="15.3" fill="#3b82f6" />
  <rect x="571.4" y="296.8" width="4.0" height="15.2" fill="#3b82f6" />
  <rect x="576.0" y="300.0" width="4.0" height="12.0" fill="#3b82f6" />
  <rect x="580.6" y="300.4" width="4.0" height="11.6" fill="#3b82f6" />
  <rect x="585.2" y="296.8" width="4.0" height="15.2" fill="#3b82f6" />
  <rect x="589.8" y="298.1" width="4.0" height="13.9" fill="#3b82f6" />
  <rect x="594.5" y="300.8" width="4.0" height="11.2" fill="#3b82f6" />
  <rect x="599.1" y="299.3" width="4.0" height="12.7" fill="#3b82f6" />
  <rect x="603.7" y="298.1" width="4.0" height="13.9" fill="#3b82f6" />
  <rect x="608.3" y="306.7" width="4.0" height="5.3" fill="#3b82f6" />
  <path d="M96 312H696" stroke="#94a3b8" />
  <path d="M612.0 312V270" stroke="#dc2626" stroke-width="1.5" />
  <text x="96.0" y="330" text-anchor="middle">0 s</text>
  <text x="181.7" y="330" text-anchor="middle">10 s</text>
  <text x="267.4" y="330" text-anchor="middle">20 s</text>
  <text x="353.1" y="330" text-anchor="middle">30 s</text>
  <text x="438.9" y="330" text-anchor="middle">40 s</text>
  <text x="524.6" y="330" text-anchor="middle">50 s</text>
  <text x="610.3" y="330" text-anchor="middle">60 s</text>
  <text x="696.0" y="330" text-anchor="middle">70 s</text>
</svg>
</p>
<!-- simulated --><div class="scroll" tabindex="0"><table>
<thead><tr><th>system</th><th>bound</th><th>from life: median</th><th>99.9 %</th><th>longest</th><th>from the cut: 5 %</th><th>median</th><th>95 %</th><th>ended in stalls</th></tr></thead>
<tbody>
<tr><td>json</td><td>60.10 s</td><td>60.01 s</td><td>60.03 s</td><td>60.03 s</td><td>12.00 s</td><td>42.21 s</td><td>58.41 s</td><td>0 of 100000 in 1000</td></tr>
<tr><td>events-hub</td><td>65.10 s</td><td>65.01 s</td><td>65.03 s</td><td>65.03 s</td><td>40.58 s</td><td>56.54 s</td><td>64.26 s</td><td>0 of 100000 in 1000</td></tr>
<tr><td>infoway</td><td>60.10 s</td><td>60.01 s</td><td>60.03 s</td><td>60.03 s</td><td>31.54 s</td><td>45.17 s</td><td>58.52 s</td><td>0 of 100000 in 1000</td></tr>
<tr><td>tank</td><td>15.10 s</td><td>15.01 s</td><td>15.03 s</td><td>15.03 s</td><td>10.47 s</td><td>13.26 s</td><td>14.84 s</td><td>0 of 100000 in 1000</td></tr>
<tr><td>talo</td><td>60.20 s</td><td>49.91 s</td><td>60.02 s</td><td>60.03 s</td><td>30.96 s</td><td>40.57 s</td><td>57.27 s</td><td>0 of 100000 in 1000</td></tr>
</tbody>
</table></div>
<!-- /simulated --><h2 id="missed-heartbeats">Missed heartbeats<a class="anchor" href="#missed-heartbeats" aria-label="Link to this section">#</a></h2>
<p>A ping is missed when nothing at all arrives within <code>HEARTBEAT_TIMEOUT_MS</code> after it. The next ping
follows at once. <code>MISSED_HEARTBEATS</code> missed pings in a row end the connection before the deadline
does, but only after a silence of one ping period and that many timeouts; so a ping that was sent
just after a frame does not shorten the time of its connection. With the defaults the deadline comes
first. Misses matter when pings are frequent and the deadline is far away, such as
<code>PING_PERIOD_MS=10000</code> with <code>PONG_WAIT_MS=60000</code>.</p>
<h2 id="a-stall-of-the-server">A stall of the server<a class="anchor" href="#a-stall-of-the-server" aria-label="Link to this section">#</a></h2>
<p>One timer wheel drives all connections; it ticks every 25 ms. While nothing is due it leaves ticks
out, up to ten in a row; it ticks from 350 ms before a connection may expire. When a tick comes more
than 70 ms late, because the process was blocked, paused or suspended, the wheel leaves that time
out of every deadline. No connection expires until the wheel has been on time for as long again, at
most 250 ms. Dead peers are therefore found however often the server stalls, as long as it runs for
more than half of the time, or for 275 ms in one piece now and then. Delays too short to be a stall
stay within the 100 ms of the bound.</p>
<h2 id="health">Health<a class="anchor" href="#health" aria-label="Link to this section">#</a></h2>
<p>The hub measures the round trips of each connection on its own monotonic clock, never by a client&#39;s
timestamp: control pings by their payload (the wire), app pings by id, by timestamp, or as the
newest one (through the send queue and the client&#39;s script). A pong with a wrong, foreign, late or
repeated payload is not measured; <code>systole_pongs_unmatched_total</code> counts it. Late means after more
than a ping period and <code>HEARTBEAT_TIMEOUT_MS</code>.</p>
<p>The first control ping comes with the first frames of a connection, so its health is known within a
second. It is no part of the schedule: no deadline and no missed heartbeat depends on it, and what
it measured holds until the next answer, from which on the client is told of its health.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>status</th><th>average of the last 10 round trips</th><th>what the server does</th></tr></thead>
<tbody>
<tr><td><code>unknown</code></td><td>no answer yet</td><td></td></tr>
<tr><td><code>healthy</code></td><td>up to 100 ms</td><td></td></tr>
<tr><td><code>degraded</code></td><td>up to 500 ms</td><td>logs a warning, pings twice as often until the connection is healthy</td></tr>
<tr><td><code>poor</code></td><td>up to 1 s</td><td>logs and counts an alert, may advise the client to <code>reconnect</code>, pings twice as often</td></tr>
<tr><td><code>critical</code></td><td>above</td><td>the same</td></tr>
<tr><td><code>timeout</code></td><td>nothing at all followed the last heartbeat (not in talo and infoway, which have no misses)</td><td></td></tr>
<tr><td><code>dead</code></td><td>the deadline has passed</td><td>terminates the connection</td></tr>
</tbody>
</table></div>
<p>The server acts when a connection is worse than it was at any time since it was last healthy. A
recovery to a better status, or a timeout in between, does not repeat the alert. Every change of
status is in the log: for the worse at <code>info</code>, for the better at <code>debug</code>.</p>
<p>A new connection helps against a bad path, not against distance. So a client is advised only if the
average has grown to three times its best on this connection, and once until one of its connections
has been healthy again; a client is its address (of IPv6 the /64) and its key.</p>
<p>The thresholds are <code>HEALTHY_LATENCY_MS</code>, <code>DEGRADED_LATENCY_MS</code> and <code>POOR_LATENCY_MS</code>, and each
profile&#39;s own (<code>TANK_POOR_LATENCY_MS</code>). They must ascend. A default that does not fit between given
values moves to the middle of its neighbours, or to twice the lower one. A status gets worse at the
threshold and better only at nine tenths of it, so that it does not oscillate. json clients receive
every change as <code>health_status</code>.</p>
<h2 id="liveness-states">Liveness states<a class="anchor" href="#liveness-states" aria-label="Link to this section">#</a></h2>
<p>Beside the health stands the liveness state. It tells the transport (control pongs) from the
application (the client&#39;s script).</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>state</th><th>meaning</th></tr></thead>
<tbody>
<tr><td><code>alive</code></td><td>as expected</td></tr>
<tr><td><code>frozen</code></td><td>the transport answers, the script does not, although it answered before</td></tr>
<tr><td><code>stripped</code></td><td>the script answers, control pings stay unanswered: a proxy drops control frames; health then uses app round trips, and the queue delay is unknown</td></tr>
<tr><td><code>silent</code></td><td>nothing arrived within the heartbeat timeout after a ping</td></tr>
<tr><td><code>dead</code></td><td>expired</td></tr>
</tbody>
</table></div>
<p>A frozen connection stays open, unless <code>FROZEN_WAIT_MS</code> is above 0: then it is closed once its
application has sent nothing for so long. <code>frozen</code> and <code>stripped</code> are lines of the log, values of
<code>search=</code>, and labels of the metric <code>systole_connections_by_liveness</code>.</p>
<p>What a fault looks like (json with <code>PING_PERIOD_MS=20000</code>; <code>tests/client/faults_test.ts</code> has all
systems):</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>what happens</th><th>liveness</th><th>health</th><th>cause of the end</th></tr></thead>
<tbody>
<tr><td>the script hangs</td><td><code>frozen</code> 10 s after a ping</td><td>unchanged</td><td>stays open</td></tr>
<tr><td>a proxy drops control frames</td><td><code>stripped</code> after three pings</td><td>unchanged, by app round trips</td><td>stays open</td></tr>
<tr><td>either direction is cut, the client is quiet</td><td><code>silent</code>, then <code>dead</code></td><td><code>timeout</code>, <code>dead</code></td><td><code>network</code></td></tr>
<tr><td>server to client is cut, the client sends</td><td><code>stripped</code>; loss rises to 1</td><td>unchanged</td><td>stays open</td></tr>
<tr><td>control frames are dropped, then the client vanishes</td><td><code>stripped</code>, <code>silent</code>, <code>dead</code></td><td><code>timeout</code>, <code>dead</code></td><td><code>network</code></td></tr>
<tr><td>500 KB wait in the server&#39;s own queue</td><td><code>alive</code>: an app ping&#39;s time starts when it is written</td><td>unchanged, by the wire</td><td>stays open</td></tr>
<tr><td>10 MB wait in a relay on the way</td><td><code>alive</code></td><td><code>critical</code>, later <code>healthy</code></td><td>stays open</td></tr>
<tr><td>endless pongs</td><td><code>alive</code></td><td>unchanged</td><td><code>rate</code></td></tr>
<tr><td>the wall clock is set</td><td><code>alive</code></td><td>unchanged</td><td>stays open</td></tr>
</tbody>
</table></div>
<p>The two round trips show where a backlog is. Before a relay both kinds of ping are slow, and the
queue delay stays near 0. In the server&#39;s own queue only the app ping is slow, and the delay is that
of the queue.</p>
<h2 id="why-did-this-client-drop">Why did this client drop?<a class="anchor" href="#why-did-this-client-drop" aria-label="Link to this section">#</a></h2>
<p><code>GET /api/v1/connections/{id}</code> shows, for open connections and the last 10 000 that ended, the
figures of both kinds of round trip (last, minimum, average and deviation of 10, RFC 6298&#39;s smoothed
time, RFC 3550&#39;s jitter, loss of the whole connection and of the last 32 pings) and the last 64
liveness events. <code>atMs</code> counts from the moment the connection was accepted, stalls of the server
included. A <code>stall</code> is stamped with its end; its value is its length.</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">curl -s 'http://127.0.0.1:8080/api/v1/closed?reason=stale'    # which connections, and when
curl -s 'http://127.0.0.1:8080/api/v1/connections/&lt;id&gt;'       # the last events of one of them</code></pre></div>
<p>With <code>PONG_WAIT_MS=6000</code> and <code>PING_PERIOD_MS=2500</code> the end of such an answer is:</p>
<div class="scroll" tabindex="0"><pre><code class="language-json">{
  &quot;reason&quot;: &quot;stale&quot;,
  &quot;cause&quot;: &quot;network&quot;,
  &quot;seconds&quot;: 12.552,
  &quot;silentSeconds&quot;: 6.024,
  &quot;events&quot;: [
    { &quot;kind&quot;: &quot;ping&quot;, &quot;atMs&quot;: 6526 },
    { &quot;kind&quot;: &quot;app_ping&quot;, &quot;atMs&quot;: 6526 },
    { &quot;kind&quot;: &quot;pong&quot;, &quot;atMs&quot;: 6527, &quot;value&quot;: 1.72 },
    { &quot;kind&quot;: &quot;app_pong&quot;, &quot;atMs&quot;: 6528, &quot;value&quot;: 1.84 },
    { &quot;kind&quot;: &quot;ping&quot;, &quot;atMs&quot;: 9024 },
    { &quot;kind&quot;: &quot;app_ping&quot;, &quot;atMs&quot;: 9024 },
    { &quot;kind&quot;: &quot;liveness_silent&quot;, &quot;atMs&quot;: 10799 },
    { &quot;kind&quot;: &quot;missed&quot;, &quot;atMs&quot;: 10799, &quot;value&quot;: 1 },
    { &quot;kind&quot;: &quot;status_timeout&quot;, &quot;atMs&quot;: 10799, &quot;value&quot;: 1 },
    { &quot;kind&quot;: &quot;ping&quot;, &quot;atMs&quot;: 11524 },
    { &quot;kind&quot;: &quot;app_ping&quot;, &quot;atMs&quot;: 11524 },
    { &quot;kind&quot;: &quot;liveness_dead&quot;, &quot;atMs&quot;: 12549, &quot;value&quot;: 6021.36 },
    { &quot;kind&quot;: &quot;status_dead&quot;, &quot;atMs&quot;: 12549, &quot;value&quot;: 2.73 },
    { &quot;kind&quot;: &quot;closing&quot;, &quot;atMs&quot;: 12550, &quot;value&quot;: 1006 },
    { &quot;kind&quot;: &quot;ended&quot;, &quot;atMs&quot;: 12552, &quot;value&quot;: 1006 }
  ]
}</code></pre></div>
<p>A good round trip of 1.7 ms, then nothing at all: the network or the machine failed, not the server.
If only the script had hung, <code>liveness_frozen</code> would be among the events. If the client had read too
slowly, the reason would be <code>slow_consumer</code>.</p>
<h2 id="how-a-connection-ends">How a connection ends<a class="anchor" href="#how-a-connection-ends" aria-label="Link to this section">#</a></h2>
<p>A connection ends for exactly one reason. The reason is in the log line <code>connection closed</code>, in the
label <code>reason</code> of <code>systole_connections_closed_total</code>, and, unless the client&#39;s system has a close
text of its own, in the text of the close frame, which also says whether and when to reconnect
(<code>drain: server restarting; afterMs=2500</code>, <code>…; no retry</code>). Closes with 1002, 1007 and 1009 have no
text.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>reason</th><th>close code</th><th>reconnect?</th><th>what happened</th></tr></thead>
<tbody>
<tr><td><code>client_close</code></td><td>its own</td><td>yes</td><td>the client closed</td></tr>
<tr><td><code>network_error</code></td><td>1006</td><td>yes</td><td>TCP ended without a close frame</td></tr>
<tr><td><code>stale</code></td><td>1006</td><td>yes</td><td>no sign of life for <code>PONG_WAIT_MS</code></td></tr>
<tr><td><code>missed_heartbeats</code></td><td>1006</td><td>yes</td><td><code>MISSED_HEARTBEATS</code> pings in a row without an answer</td></tr>
<tr><td><code>frozen</code></td><td>4000</td><td>yes</td><td>the transport answered, but the application has answered no app ping for <code>FROZEN_WAIT_MS</code></td></tr>
<tr><td><code>write_timeout</code></td><td>1006</td><td>yes</td><td>a write had not drained after <code>WRITE_WAIT_MS</code></td></tr>
<tr><td><code>slow_consumer</code></td><td>1013</td><td>after 1 s</td><td>the send queue was full while the socket did not drain</td></tr>
<tr><td><code>overload</code></td><td>1013</td><td>after 5 s and its <a href="/docs/deploy#slots">slot</a></td><td>the data that waited for more than a second, for all clients together, exceeded the budget, and this client had the most of it</td></tr>
<tr><td><code>rate_limited</code></td><td>1008</td><td>after 60 s</td><td>more than <code>MAX_MESSAGES_PER_SECOND</code>, or a message in more than 17 frames (one for each 4 KiB of <code>MAX_MESSAGE_BYTES</code>, and one)</td></tr>
<tr><td><code>message_too_big</code></td><td>1009</td><td>no</td><td>more than <code>MAX_MESSAGE_BYTES</code></td></tr>
<tr><td><code>bad_frame</code></td><td>1002, 1007</td><td>no</td><td>not a valid WebSocket frame, or not UTF-8</td></tr>
<tr><td><code>drain</code></td><td>1012</td><td>at its <a href="/docs/deploy#slots">slot</a></td><td>the server restarts</td></tr>
<tr><td><code>admin</code></td><td>1000</td><td>no</td><td>an operator closed it</td></tr>
<tr><td><code>key_suspended</code></td><td>1008</td><td>when the suspension ends</td><td>its key was <a href="/docs/keys#suspension">suspended</a> for repeated violations</td></tr>
<tr><td><code>unauthorized</code></td><td>3000</td><td>no; talo with another ticket</td><td>talo&#39;s handshake was complete before its ticket was refused; the log line is <code>upgrade refused</code></td></tr>
<tr><td><code>token_expired</code></td><td>1008</td><td>no</td><td>its token or key expired</td></tr>
</tbody>
</table></div>
<h2 id="causes">Causes<a class="anchor" href="#causes" aria-label="Link to this section">#</a></h2>
<p>The reason says what the server did; the cause says why. The cause is in the log line, in
<code>/api/v1/closed</code> and in <code>systole_disconnects_total{cause}</code>.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>cause</th><th>behind it</th><th>what to do</th></tr></thead>
<tbody>
<tr><td><code>client close</code></td><td>the client closed</td><td>nothing</td></tr>
<tr><td><code>network</code></td><td>cut or silent</td><td>check the client&#39;s network; compare with its neighbours</td></tr>
<tr><td><code>slow consumer</code></td><td>the client read more slowly than the hub sent</td><td>send less, or raise its queue</td></tr>
<tr><td><code>client fault</code></td><td>bad frames; or it sent to the end, but nothing that its system counts as life</td><td>check that client; with talo, whether a proxy drops control frames</td></tr>
<tr><td><code>rate</code></td><td>a rate limit, or a suspension</td><td>check what the client sends; <a href="/docs/keys#limits">limits</a></td></tr>
<tr><td><code>auth</code></td><td>a credential that is not valid, or not any more</td><td>issue a new one</td></tr>
<tr><td><code>drain</code></td><td>the server restarted</td><td>nothing</td></tr>
<tr><td><code>admin</code></td><td>an operator closed it</td><td>nothing</td></tr>
<tr><td><code>server stall</code></td><td>it ended within 10 s after the server itself stalled for a second or more</td><td>check <code>systole_stalls_total</code> and what blocked the process</td></tr>
<tr><td><code>proxy idle cut</code></td><td>it ended at the same idle age as others of its network</td><td>use the period that <code>/api/v1/stats</code> names under <code>idleTimeouts</code></td></tr>
<tr><td><code>frozen</code></td><td>the transport answered to the end, the script sent nothing</td><td>look for hanging scripts on that client</td></tr>
<tr><td><code>node lost</code></td><td>its process ended without a word, as another one has noticed</td><td>look why that process ended: its log, the machine, its memory</td></tr>
</tbody>
</table></div>
<p><code>node lost</code> has no lines of single connections: another process of the
<a href="/docs/deploy#several-processes">hub</a> counts how many the lost one had at its last renewal, two seconds
before at most, and <code>/api/v1/closed</code> names it under <code>lostNodes</code>. A process that only stood still for
so long counts, too; once it goes on, it is not listed any more.</p>
<h2 id="idle-timeouts-on-the-way">Idle timeouts on the way<a class="anchor" href="#idle-timeouts-on-the-way" aria-label="Link to this section">#</a></h2>
<p>Three connections of one network, or through one of <code>TRUSTED_PROXIES</code>, that end at the same idle age
identify the idle timeout of a proxy on the way. The log, <code>/api/v1/stats</code> (<code>idleTimeouts</code>) and the
metric <code>systole_idle_timeouts</code> then name the network and the age, such as 11 connections of
203.0.113.0/24 that were cut after 60 s, and the <code>PROXY_PRESET</code> or <code>PING_PERIOD_MS</code> that would keep
them. Ends at the same age and the same moment count once, however many they are: a restart on the
way cuts all connections at once, a timer cuts them one after another.</p>
<h2 id="rejected-upgrades">Rejected upgrades<a class="anchor" href="#rejected-upgrades" aria-label="Link to this section">#</a></h2>
<p>A rejected upgrade never was a connection, except for talo&#39;s 3000. The log line is
<code>upgrade refused</code>, the metric <code>systole_upgrades_refused_total{reason}</code>; the page and
<code>/api/v1/rejected</code> list the last ones.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>reason</th><th>meaning</th></tr></thead>
<tbody>
<tr><td><code>not_found</code></td><td>no WebSocket is at this path</td></tr>
<tr><td><code>foreign_host</code></td><td>an open server on loopback got another <code>Host</code></td></tr>
<tr><td><code>foreign_origin</code></td><td>the page&#39;s origin is not in <code>ALLOWED_ORIGINS</code></td></tr>
<tr><td><code>draining</code></td><td>the server is restarting</td></tr>
<tr><td><code>too_many_connections</code></td><td><code>MAX_CONNECTIONS</code></td></tr>
<tr><td><code>too_many_from_address</code></td><td><code>MAX_CONNECTIONS_PER_ADDRESS</code></td></tr>
<tr><td><code>too_many_at_once</code></td><td><code>ADMISSION_PER_SECOND</code> or <code>MAX_UPGRADES_PER_SECOND</code>: many clients reconnect, or one guesses; each is told its <a href="/docs/deploy#slots">slot</a></td></tr>
<tr><td><code>too_many_for_key</code></td><td><code>MAX_CONNECTIONS_PER_KEY</code>, or the key&#39;s <code>maxConnections</code></td></tr>
<tr><td><code>unauthorized</code></td><td>no valid credential, or a key that was removed or suspended</td></tr>
<tr><td><code>bad_handshake</code></td><td>not a valid WebSocket handshake</td></tr>
</tbody>
</table></div>
</main>
</div>
</body>
</html>
`,
  "metrics": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Metrics and alerts · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics" aria-current="page">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#connections">Connections</a></li>
<li class="depth-2"><a href="#health-and-liveness">Health and liveness</a></li>
<li class="depth-2"><a href="#detection-and-stalls">Detection and stalls</a></li>
<li class="depth-2"><a href="#queues-and-traffic">Queues and traffic</a></li>
<li class="depth-2"><a href="#history-and-presence">History and presence</a></li>
<li class="depth-2"><a href="#several-processes">Several processes</a></li>
<li class="depth-2"><a href="#process">Process</a></li>
<li class="depth-2"><a href="#alerts-and-dashboard">Alerts and dashboard</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Metrics and alerts</h1>
<p><code>GET /metrics</code> answers in Prometheus&#39; text format; where keys are configured it needs one with the
right <code>admin</code>. Values are in seconds and bytes. The labels are <code>profile</code>, <code>kind</code> (<code>control</code> and
<code>app</code> of pings and pongs, <code>wire</code> and <code>app</code> of times), <code>reason</code>, <code>cause</code>, <code>status</code>, <code>liveness</code> and
<code>outcome</code>, of <code>systole_build_info</code> also <code>version</code> and <code>deno</code>; never an id or an address.</p>
<p>A test compares this page with what the hub exposes.</p>
<h2 id="connections">Connections<a class="anchor" href="#connections" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>metric</th><th>meaning</th><th>what to do</th></tr></thead>
<tbody>
<tr><td><code>systole_build_info</code></td><td>1, with <code>version</code> and <code>deno</code> as labels</td><td></td></tr>
<tr><td><code>systole_connections</code></td><td>open now</td><td></td></tr>
<tr><td><code>systole_connections_opened_total</code></td><td>accepted</td><td>many at once are clients that reconnect: look at the disconnects before</td></tr>
<tr><td><code>systole_connections_closed_total</code></td><td>ended, by <code>reason</code>: what the server did</td><td>see <a href="/docs/liveness#how-a-connection-ends">How a connection ends</a></td></tr>
<tr><td><code>systole_disconnects_total</code></td><td>ended, by <code>cause</code>: what was behind it; every cause is there from the start, at 0</td><td>see <a href="/docs/liveness#causes">Causes</a></td></tr>
<tr><td><code>systole_upgrades_refused_total</code></td><td>rejected upgrades, by <a href="/docs/liveness#rejected-upgrades"><code>reason</code></a></td><td><code>too_many_at_once</code>: more clients come back than <code>ADMISSION_PER_SECOND</code> lets in (they get slots), or one guesses credentials; the log line <code>upgrade refused</code> has address, system and detail</td></tr>
<tr><td><code>systole_pending_connections</code></td><td>connections that have sent no whole request: handshakes, slow requests, kept-alive ones between two</td><td></td></tr>
<tr><td><code>systole_pending_connections_cut_total</code></td><td>of these, cut after <code>REQUEST_WAIT_MS</code> (<code>request_timeout</code>), or as the oldest of too many (<code>too_many_pending</code>, <code>too_many_from_address</code>), by <code>reason</code></td><td>many <code>too_many_…</code>: a flood of half requests; block its addresses before the hub</td></tr>
</tbody>
</table></div>
<h2 id="health-and-liveness">Health and liveness<a class="anchor" href="#health-and-liveness" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>metric</th><th>meaning</th><th>what to do</th></tr></thead>
<tbody>
<tr><td><code>systole_connections_by_health</code></td><td>open now, by <a href="/docs/liveness#health">health</a></td><td>many <code>degraded</code> at once: a congested network; if they are only far away, raise <code>HEALTHY_LATENCY_MS</code> and its neighbours for that profile</td></tr>
<tr><td><code>systole_connections_by_liveness</code></td><td>open now, by <a href="/docs/liveness#liveness-states">liveness state</a></td><td>many <code>frozen</code>: a client release that blocks its event loop, or pages that browsers froze; many <code>stripped</code>: a proxy that drops control frames</td></tr>
<tr><td><code>systole_health_alerts_total</code></td><td>connections that became poor or critical, or worse than they were since they were last healthy</td><td><code>GET /api/v1/connections?sort=health</code> lists them</td></tr>
<tr><td><code>systole_heartbeats_missed_total</code></td><td>pings that no sign of life followed in time</td><td>silent connections of one network: check that network; if answers come but late, raise <code>HEARTBEAT_TIMEOUT_MS</code></td></tr>
<tr><td><code>systole_pings_sent_total</code></td><td>pings; 1 − missed / sent control pings is the success ratio, recorded by the rules as <code>profile:systole_heartbeat_success:ratio_rate5m</code></td><td></td></tr>
<tr><td><code>systole_pongs_received_total</code></td><td>pongs</td><td>control pongs far below control pings while the ratio is good: a proxy drops control frames; app pongs below app pings: scripts hang</td></tr>
<tr><td><code>systole_pongs_unmatched_total</code></td><td>pongs that answer no ping of the server</td><td>a client library that invents pongs</td></tr>
<tr><td><code>systole_pings_skipped_total</code></td><td>app pings that found the send queue full</td><td>clients that read too slowly</td></tr>
<tr><td><code>systole_rtt_seconds</code></td><td>round trips: <code>wire</code> is the network, <code>app</code> goes through the send queue and the client&#39;s script</td><td><code>app</code> far above <code>wire</code>: check queues and the client; both high: check the network</td></tr>
<tr><td><code>systole_jitter_seconds</code></td><td>RFC 3550&#39;s jitter of a connection, observed at each answer from the second on</td><td>it grows before heartbeats are lost: a warning of congestion</td></tr>
</tbody>
</table></div>
<h2 id="detection-and-stalls">Detection and stalls<a class="anchor" href="#detection-and-stalls" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>metric</th><th>meaning</th><th>what to do</th></tr></thead>
<tbody>
<tr><td><code>systole_dead_peer_detection_seconds</code></td><td>from the last sign of life of a dead peer to its end, the server&#39;s own stalls left out</td><td>compare with the bound: each profile&#39;s pong wait and bound are bounds of buckets</td></tr>
<tr><td><code>systole_detection_bound_seconds</code></td><td>the published bound of each profile: pong wait + 100 ms; for talo, whose deadline starts at a ping, a ping period and 100 ms more</td><td></td></tr>
<tr><td><code>systole_detections_late_total</code></td><td>dead peers found later than the bound, although no stall had delayed it</td><td>the machine is short of CPU: move connections to another node</td></tr>
<tr><td><code>systole_stalls_total</code></td><td>stalls of the server&#39;s event loop (a tick more than 70 ms late)</td><td>look for paused, swapped or throttled processes, and for floods</td></tr>
<tr><td><code>systole_stalled_seconds_total</code></td><td>their length together</td><td>the same</td></tr>
<tr><td><code>systole_timeouts_averted_total</code></td><td>connections that gave a sign of life after their deadline would have passed if stalls counted as silence; once for each silence</td><td>nothing: they are alive</td></tr>
<tr><td><code>systole_wheel_lateness_seconds</code></td><td>how late each tick comes (40 a second, 4 while nothing is due): the lag of the event loop</td><td>as for stalls</td></tr>
</tbody>
</table></div>
<h2 id="queues-and-traffic">Queues and traffic<a class="anchor" href="#queues-and-traffic" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>metric</th><th>meaning</th><th>what to do</th></tr></thead>
<tbody>
<tr><td><code>systole_mailbox_wait_seconds</code></td><td>how long a message waits for the hub, measured once a second</td><td>more commands and deliveries than one core executes: lower <code>MAX_MESSAGES_PER_SECOND</code>, or add a node</td></tr>
<tr><td><code>systole_mailbox_messages</code></td><td>messages that wait for the hub now</td><td>the same</td></tr>
<tr><td><code>systole_send_queue_bytes</code></td><td>bytes in all send queues</td><td>above <code>QUEUE_BUDGET_BYTES</code> for more than a moment: slow consumers; send less, or raise the budget</td></tr>
<tr><td><code>systole_publications_held_total</code></td><td>publications that waited because most subscribers of their channel were more than half a queue behind</td><td>their subscribers&#39; lines carry less than is published: publish less, or smaller</td></tr>
<tr><td><code>systole_publications_refused_total</code></td><td>publications that were refused after a second of that: HTTP 429, <code>error</code> <code>busy</code></td><td>the same</td></tr>
<tr><td><code>systole_publications_duplicate_total</code></td><td>publications that repeated an earlier one (same id) and were not delivered again</td><td>many: clients lose their connections, or repeat too soon</td></tr>
<tr><td><code>systole_idle_timeouts</code></td><td><a href="/docs/liveness#idle-timeouts-on-the-way">idle timeouts</a> known on the way</td><td>set the <code>PROXY_PRESET</code> or period that <code>/api/v1/stats</code> names</td></tr>
<tr><td><code>systole_idle_timeout_cuts_total</code></td><td>connections that they cut</td><td>the same</td></tr>
<tr><td><code>systole_messages_received_total</code></td><td>messages from clients</td><td></td></tr>
<tr><td><code>systole_messages_sent_total</code></td><td>messages queued for clients</td><td></td></tr>
<tr><td><code>systole_messages_dropped_total</code></td><td>messages that a client did not receive any more</td><td></td></tr>
<tr><td><code>systole_messages_malformed_total</code></td><td>messages that do not fit the profile&#39;s format</td><td>many since a client release: check that release</td></tr>
<tr><td><code>systole_commands_denied_total</code></td><td>commands that the key has no right for</td><td>the same</td></tr>
<tr><td><code>systole_channels</code></td><td>channels with subscribers</td><td></td></tr>
</tbody>
</table></div>
<h2 id="history-and-presence">History and presence<a class="anchor" href="#history-and-presence" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>metric</th><th>meaning</th><th>what to do</th></tr></thead>
<tbody>
<tr><td><code>systole_resumes_total</code></td><td>subscriptions with a <code>since</code>, by <code>outcome</code>: <code>recovered</code> got all that followed it, <code>incomplete</code> could not</td><td>many <code>incomplete</code> without a restart: clients are away for longer than <code>HISTORY_MESSAGES</code> or <code>HISTORY_TTL_MS</code> reach</td></tr>
<tr><td><code>systole_messages_replayed_total</code></td><td>messages from the history queued for clients</td><td></td></tr>
<tr><td><code>systole_history_bytes</code></td><td>what the histories of all channels take, bytes</td><td>at <code>HISTORY_BYTES</code> messages go before their time</td></tr>
<tr><td><code>systole_history_channels</code></td><td>channels of which the hub knows the position</td><td></td></tr>
<tr><td><code>systole_history_evictions_total</code></td><td>messages removed for <code>HISTORY_BYTES</code>, before their number or age required it</td><td>raise it, or keep less: <code>HISTORY_MESSAGES</code>, <code>HISTORY_TTL_MS</code>, <code>HISTORY_CHANNELS</code></td></tr>
<tr><td><code>systole_publication_ids_evicted_total</code></td><td>ids of publications that were forgotten before <code>DEDUPE_MS</code></td><td>raise <code>HISTORY_BYTES</code>: a repeat may be delivered twice</td></tr>
<tr><td><code>systole_members</code></td><td>members of all channels, those included that may still return within <code>PRESENCE_GRACE_MS</code></td><td></td></tr>
<tr><td><code>systole_members_left_early_total</code></td><td>members that left before that time was over, since all that were away took 64 MiB</td><td>many connections that give ever new names (<code>member</code>), or a very long <code>PRESENCE_GRACE_MS</code></td></tr>
</tbody>
</table></div>
<h2 id="several-processes">Several processes<a class="anchor" href="#several-processes" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>metric</th><th>counts</th><th>what to do</th></tr></thead>
<tbody>
<tr><td><code>systole_broker_up</code></td><td>1, and 0 while Redis does not answer, or what is published does not come back from it</td><td><a href="/docs/delivery#while-redis-is-away">what is promised meanwhile</a>; look at Redis and the network</td></tr>
<tr><td><code>systole_broker_connections_lost_total</code></td><td>connections to Redis that were lost</td><td>the same</td></tr>
<tr><td><code>systole_broker_publications_degraded_total</code></td><td>publications that reached the subscribers of this process alone, since Redis was away</td><td><code>BROKER_REQUIRED=true</code> refuses them instead</td></tr>
<tr><td><code>systole_broker_holes_total</code></td><td>times that a message had not come from Redis, and was read from the stream; with <code>WORKERS</code>, that a thread was behind</td><td>after a lost connection: nothing; often: the network to Redis</td></tr>
<tr><td><code>systole_broker_gaps_total</code></td><td>gaps told to the subscribers of a channel</td><td>each means that messages may be missing: a Redis that lost data, or was away for longer than the history</td></tr>
</tbody>
</table></div>
<p>With <code>WORKERS</code> each figure is that of the process: what its threads have counted, added up. What a
thread has counted in its last five seconds may be lost with it.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>metric</th><th>counts</th><th>what to do</th></tr></thead>
<tbody>
<tr><td><code>systole_threads</code></td><td>threads that serve clients now</td><td>fewer than <code>WORKERS</code>: one is being started again, see the log</td></tr>
<tr><td><code>systole_threads_lost_total</code></td><td>threads that failed or did not answer, and were started again</td><td>the log has the error: please report it</td></tr>
<tr><td><code>systole_thread_messages_skipped_total</code></td><td>messages that a thread which was behind got later, or its subscribers&#39; as a gap</td><td>threads are too busy: <code>systole_wheel_lateness_seconds</code> rises with it; more threads where cores are idle</td></tr>
<tr><td><code>systole_thread_messages_refused_total</code></td><td>messages of clients that were refused, since too many waited for the main thread</td><td>the main thread is too busy: see <a href="/docs/deploy#what-threads-cost">what it costs</a></td></tr>
</tbody>
</table></div>
<h2 id="process">Process<a class="anchor" href="#process" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>metric</th><th>meaning</th><th>what to do</th></tr></thead>
<tbody>
<tr><td><code>process_start_time_seconds</code></td><td>when the process started</td><td>a change is a restart: clients have reconnected</td></tr>
<tr><td><code>process_cpu_seconds_total</code></td><td>its CPU time</td><td>a rate near 1 is a full core: move connections to another node</td></tr>
<tr><td><code>process_resident_memory_bytes</code></td><td>its memory</td><td>compare with the memory of the machine or the container&#39;s limit</td></tr>
<tr><td><code>nodejs_heap_size_used_bytes</code></td><td>the part that JavaScript objects use</td><td>it grows with connections, send queues and channels; if it grows without them, report it</td></tr>
</tbody>
</table></div>
<p>Open files are not counted: the system lists them where the process may not read. They are
<code>systole_connections</code>, <code>systole_pending_connections</code> and about 30.</p>
<h2 id="alerts-and-dashboard">Alerts and dashboard<a class="anchor" href="#alerts-and-dashboard" aria-label="Link to this section">#</a></h2>
<p><code>server/ops/</code> has three files:</p>
<ul>
<li><strong><code>alerts.yml</code></strong>: name it under <code>rule_files</code> of <code>prometheus.yml</code>. It records the success ratio and
alerts on frequent heartbeat timeouts, a falling success ratio, many frozen or stripped
connections, an exceeded detection bound, stalls (many, or long), slow consumers, a hub that
cannot keep up, idle cuts, more rejected than accepted upgrades, and nodes that are apart or lost.
The description of each alert says what to check next. No threshold depends on your options: the
server judges its bound itself, so a changed <code>PONG_WAIT_MS</code> needs no changed rule.</li>
<li><strong><code>alerts_test.yml</code></strong>: series on which each alert must fire, and similar series on which it must
not.</li>
<li><strong><code>dashboard.json</code></strong>: import it into Grafana (Dashboards → New → Import) and choose the Prometheus
data source. It shows every metric above; each panel says what it means.</li>
</ul>
<div class="scroll" tabindex="0"><pre><code class="language-yaml">rule_files: [alerts.yml]
scrape_configs:
  - job_name: systole
    authorization: { credentials: &quot;&lt;id&gt;.&lt;secret&gt;&quot; } # of a key with the right admin
    static_configs: [{ targets: [&quot;127.0.0.1:8080&quot;] }]</code></pre></div>
<div class="scroll" tabindex="0"><pre><code class="language-sh">promtool test rules server/ops/alerts_test.yml</code></pre></div>
<p><code>tests/ops_test.ts</code> compares rules and dashboard with what the hub exposes: metrics, labels and
values. Where <code>promtool</code> is on the <code>PATH</code> (Debian&#39;s package <code>prometheus</code>) the test also runs its
checks; CI does.</p>
</main>
</div>
</body>
</html>
`,
  "http": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>HTTP routes and the live page · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http" aria-current="page">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#routes">Routes</a></li>
<li class="depth-2"><a href="#the-live-page">The live page</a></li>
<li class="depth-2"><a href="#the-overview-as-a-feed">The overview as a feed</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>HTTP routes and the live page</h1>
<h2 id="routes">Routes<a class="anchor" href="#routes" aria-label="Link to this section">#</a></h2>
<p>Errors are problem details (RFC 9457), except on the routes of events-hub and talo, which keep their
systems&#39; own form. <code>GET /api/v1/openapi.json</code> describes all routes (OpenAPI 3.1); a test compares
this table with it. On an open hub every client has every right.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>route</th><th>right</th><th>purpose</th></tr></thead>
<tbody>
<tr><td><code>GET /</code></td><td>none</td><td>the live page (its data need <code>admin</code>)</td></tr>
<tr><td><code>GET /web/{name}</code></td><td>none</td><td>its scripts, style and icon</td></tr>
<tr><td><code>GET /docs</code></td><td>none</td><td>the manuals</td></tr>
<tr><td><code>GET /docs/{name}</code></td><td>none</td><td>one of them</td></tr>
<tr><td><code>GET /sdk.js</code></td><td>none</td><td>the <a href="/docs/sdk">client library</a> as one module, readable from any origin</td></tr>
<tr><td><code>GET /sdk.d.ts</code></td><td>none</td><td>its types</td></tr>
<tr><td><code>GET /sdk.tgz</code></td><td>none</td><td>the library as a package: <code>npm install http://&lt;hub&gt;/sdk.tgz</code></td></tr>
<tr><td><code>GET /sdk@0.1.0.js</code></td><td>none</td><td>the library of this version: a browser may keep it for ever</td></tr>
<tr><td><code>GET /healthz</code></td><td>none</td><td>the process is alive</td></tr>
<tr><td><code>GET /readyz</code></td><td>none</td><td>the hub accepts connections; 503 while it drains, <code>degraded</code> while it does not reach the other processes</td></tr>
<tr><td><code>GET /metrics</code></td><td>admin</td><td>Prometheus: see <a href="/docs/metrics">Metrics and alerts</a></td></tr>
<tr><td><code>POST /api/v1/publish</code></td><td>publish on that channel</td><td>publish <code>{&quot;channel&quot;:&quot;news&quot;,&quot;data&quot;:1,&quot;id&quot;:&quot;order-17&quot;}</code> from a backend, or a list of them</td></tr>
<tr><td><code>GET /api/v1/channels/{channel}/history</code></td><td>subscribe to that channel</td><td>what the channel has <a href="/docs/delivery">kept</a>: <code>epoch</code> and <code>offset</code> (both: what followed), <code>last</code> (the newest so many), at most 256 KiB; the channel&#39;s name percent-encoded</td></tr>
<tr><td><code>DELETE /api/v1/channels/{channel}/history</code></td><td>admin</td><td>remove it; offsets go on</td></tr>
<tr><td><code>GET /api/v1/channels/{channel}/presence</code></td><td>subscribe to that channel</td><td>who is on it: <code>count</code> and the first 1000 <a href="/docs/messages#presence">members</a>, at most 256 KiB</td></tr>
<tr><td><code>GET /api/v1/connections</code></td><td>admin</td><td>open connections: <code>sort=age</code>, <code>idle</code>, <code>queue</code>, <code>rtt</code>, <code>jitter</code>, <code>health</code> or <code>liveness</code>, <code>order=descending</code> or <code>ascending</code>, <code>limit</code>, <code>offset</code>, <code>profile</code>, <code>key</code>, <code>search=</code> any part of id, key, address, profile, health or liveness</td></tr>
<tr><td><code>GET /api/v1/connections/{id}</code></td><td>admin</td><td>one of them, open or ended, with its last events</td></tr>
<tr><td><code>DELETE /api/v1/connections/{id}</code></td><td>admin</td><td>close it, for the reason <code>admin</code></td></tr>
<tr><td><code>GET /api/v1/closed</code></td><td>admin</td><td>the last 10 000 that ended, and why: <code>reason</code>, <code>limit</code>, <code>search=</code> any part of id, key, address, profile, reason or cause</td></tr>
<tr><td><code>GET /api/v1/rejected</code></td><td>admin</td><td>the last 500 rejected upgrades: who, from where, why, and how often; <code>reason</code>, <code>limit</code>, <code>search=</code> any part of key, address, profile, reason or detail</td></tr>
<tr><td><code>GET /api/v1/channels</code></td><td>admin</td><td>channels and the number of their subscribers</td></tr>
<tr><td><code>GET /api/v1/stats</code></td><td>admin</td><td>totals, health, disconnects by cause, round trips and lateness of the wheel as counts of buckets, stalls, idle timeouts</td></tr>
<tr><td><code>GET /api/v1/suspensions</code></td><td>admin</td><td>suspended keys</td></tr>
<tr><td><code>DELETE /api/v1/suspensions/{key}</code></td><td>admin</td><td>end a suspension</td></tr>
<tr><td><code>GET /api/v1/openapi.json</code></td><td>admin</td><td>the description of all routes</td></tr>
<tr><td><code>POST /v1/socket-tickets</code></td><td>any key</td><td>talo&#39;s tickets; pages of <code>ALLOWED_ORIGINS</code> may request them (the route answers preflights)</td></tr>
<tr><td><code>POST /api/v1/ws/unsubscribe</code></td><td>any key: its own clients</td><td>events-hub: unsubscribe a client from event types</td></tr>
<tr><td><code>GET /api/v1/ws/clients</code></td><td>any key: its own clients</td><td>events-hub: connected clients</td></tr>
<tr><td><code>GET /api/v1/ws/stats</code></td><td>any key: its own clients</td><td>events-hub: counts of its clients</td></tr>
</tbody>
</table></div>
<p>With <a href="/docs/deploy#several-processes">several processes</a> the lists of connections, closes, rejections
and channels are those of all of them, and the figures of <code>GET /api/v1/stats</code> are added up;
<code>?scope=node</code> asks for the one that answers, <code>?node=</code> for the one of that name. Each entry has its
<code>node</code>; <code>missing</code> names processes that have not answered in time. <code>lostNodes</code> of
<code>GET /api/v1/closed</code> are processes that ended without a word, with the number of their
<a href="/docs/liveness#causes">connections</a>.</p>
<p><code>&quot;degraded&quot;:true</code> in the answer to a publication says that it reached the subscribers of this
process alone: <a href="/docs/delivery#while-redis-is-away">Redis is away</a>.</p>
<p>Where the channel keeps a history, <code>POST /api/v1/publish</code> answers with the message&#39;s <code>epoch</code> and
<code>offset</code>. Without one <code>GET …/history</code> is 404. It counts as a message of the key.</p>
<p>The optional <code>id</code>, at most 128 characters, makes a repeat safe: a publication with the id of an
earlier one on the same channel by the same key is not delivered again within <code>DEDUPE_MS</code>, and is
answered with the place of the first and <code>&quot;duplicate&quot;:true</code>. A list of up to 1000 is published in
order, and answered with a list. If one element is not as it must be, or the key may not publish on
its channel, nothing is published. If the hub refuses one later (429 or 503), the answer says how
many before it were published: with ids the whole list can be sent again.</p>
<p><code>POST /api/v1/publish</code> passes <code>data</code> on <a href="/docs/messages#payloads">as it was written</a>. A body in which
<code>channel</code>, <code>data</code> or <code>id</code> is repeated, or written with an escape in its name, is refused with 400,
and so is one for <code>POST /api/v1/ws/unsubscribe</code> with its members.</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">curl -s 'http://127.0.0.1:8080/api/v1/connections?sort=rtt&amp;limit=10'
curl -s http://127.0.0.1:8080/api/v1/stats
curl -X DELETE 'http://127.0.0.1:8080/api/v1/connections/&lt;id&gt;'</code></pre></div>
<h2 id="the-live-page">The live page<a class="anchor" href="#the-live-page" aria-label="Link to this section">#</a></h2>
<p>Open <code>http://127.0.0.1:8080/</code> in a browser.</p>
<ul>
<li>Of several processes it shows all together. <em>Showing</em> in the header chooses one of them; rows have
their process. Of one that has not answered it shows the last figures, and says so.</li>
<li><strong>Now</strong>: connections by profile, health and liveness, round trip (median and 99 %), messages in a
second, disconnects of the last minute (at first: since the page was opened) and their causes,
stalls of the server. While the hub is out of reach, its last figures are dimmed.</li>
<li>Below: bytes and channels of the history; messages evicted, resumes by outcome, messages replayed
and repeated publications since the start; members of channels.</li>
<li><strong>Over time</strong>, for the last 15 minutes that the page was open: connections, disconnects by cause,
round trips as a distribution (the darker a cell, the more round trips it holds), health,
messages, and how late the wheel was. The page keeps what it received itself, so it starts empty.
Its times are those of the hub&#39;s clock.</li>
<li><strong>Why did it close?</strong> Search the last 10 000 ended connections by any part of an id, key, address,
profile, reason or cause. Each result is a sentence; Enter or a click opens the connection&#39;s last
events as a picture and as a list.</li>
<li><strong>Rejected upgrades</strong>: who was turned away, from where and why, the same one counted.</li>
<li><strong>Channels</strong>: those with the most subscribers.</li>
<li><strong>Connections</strong>: the worst health first, or sorted by liveness, round trip, jitter, idle time,
queue or age; filtered by any part of id, key, address, profile, health or liveness. By keyboard:
Tab to the table; the arrows, Page Up, Page Down, Home and End move; Enter opens; Escape closes.</li>
<li><strong>One connection</strong>, at <code>/#/connection/&lt;id&gt;</code>: its state with advice where it is frozen or stripped,
its last events, and <em>Disconnect</em>, which asks first.</li>
<li>In the header: the page&#39;s own connection with its round trip ± jitter and health, or when it
reconnects.</li>
</ul>
<p>Where keys are configured, the page asks for one with the right <code>admin</code>. After the hub has accepted
it, the page keeps it in the session storage of the tab alone, sends it as <code>Authorization</code> to the
API and as the subprotocol <code>systole.bearer.&lt;key&gt;</code> to the WebSocket, and deletes it with <em>Forget the
key</em> or when the tab is closed. The page itself needs no right. It loads nothing from another host
and has no inline code; its Content-Security-Policy (<code>default-src &#39;none&#39;</code>, everything else <code>&#39;self&#39;</code>)
enforces that.</p>
<p>With 10 000 connections, scrolling from end to end of the table takes a median of 16.7 ms a frame,
33 ms for 95 % of them (software rendering, two cores shared with the hub and its clients). Each
request of the table, every two seconds, costs the hub 14 ms of CPU, each overview 4 ms; without a
viewer nothing is computed.</p>
<p><code>SCREENSHOTS=server/web deno test -A --filter &quot;stays fluid&quot; tests/browser/page_test.ts</code> makes the
pictures again.</p>
<h2 id="the-overview-as-a-feed">The overview as a feed<a class="anchor" href="#the-overview-as-a-feed" aria-label="Link to this section">#</a></h2>
<p>The page subscribes to the channel <code>systole/overview</code>, and any client whose key has the right
<code>admin</code> may do the same. Once a second the channel carries what <code>GET /api/v1/stats</code> answers; of
several processes also <code>node</code>, the one of the client, and <code>nodes</code>, the figures of each. A process
that has clients there asks all others once a second, whatever their number; without any, nobody is
asked. Channels that begin with <code>systole/</code> belong to the hub: no key may publish there, and no
pattern of a key, <code>*</code> included, allows them.</p>
</main>
</div>
</body>
</html>
`,
  "sdk": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Client library · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk" aria-current="page">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#runtimes">Runtimes</a></li>
<li class="depth-2"><a href="#profiles">Profiles</a></li>
<li class="depth-2"><a href="#options">Options</a></li>
<li class="depth-3"><a href="#tokens">Tokens</a></li>
<li class="depth-2"><a href="#events">Events</a></li>
<li class="depth-2"><a href="#moves">Moves</a></li>
<li class="depth-2"><a href="#subscriptions">Subscriptions</a></li>
<li class="depth-2"><a href="#publications">Publications</a></li>
<li class="depth-2"><a href="#members">Members</a></li>
<li class="depth-2"><a href="#other-servers">Other servers</a></li>
<li class="depth-2"><a href="#what-it-does-by-itself">What it does by itself</a></li>
<li class="depth-2"><a href="#what-a-browser-does-to-a-heartbeat">What a browser does to a heartbeat</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Client library</h1>
<p><code>HeartbeatSocket</code> is a <code>WebSocket</code> that keeps itself alive. It sends heartbeats, measures round
trips, detects a silent peer, reconnects as the server advises, restores its subscriptions with what
was missed, and sends what was queued while there was no connection. The hub serves it at <code>/sdk.js</code>,
readable from any origin: one module of at most 10 KiB compressed, without dependencies, with its
types beside it (<code>/sdk.d.ts</code>).</p>
<div class="scroll" tabindex="0"><pre><code class="language-js">import { HeartbeatSocket } from &quot;http://localhost:8080/sdk.js&quot;;

const socket = new HeartbeatSocket(&quot;ws://localhost:8080/ws&quot;);
socket.onmessage = ({ data }) =&gt; console.log(data);
socket.onhealth = ({ status, latency }) =&gt; console.log(status, latency);
socket.subscribe(&quot;updates&quot;); // now, and again after every reconnect
socket.publish(&quot;updates&quot;, { hello: &quot;world&quot; }); // kept until the hub has it</code></pre></div>
<h2 id="runtimes">Runtimes<a class="anchor" href="#runtimes" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>runtime</th><th>how</th></tr></thead>
<tbody>
<tr><td>browser</td><td>the lines above in a <code>&lt;script type=&quot;module&quot;&gt;</code>; a page with a policy needs the hub in <code>script-src</code> and <code>connect-src</code></td></tr>
<tr><td>worker</td><td>the same lines in a <code>new Worker(&quot;worker.js&quot;, { type: &quot;module&quot; })</code></td></tr>
<tr><td>Deno</td><td>the same lines in <code>client.ts</code>; <code>deno run --allow-net --allow-import=localhost:8080 client.ts</code></td></tr>
<tr><td>Node 22 and later</td><td><code>curl -o sdk.mjs http://localhost:8080/sdk.js</code>, then the same lines in <code>client.mjs</code>, importing <code>./sdk.mjs</code></td></tr>
<tr><td>Node before 22</td><td>as Node 22, with the option <code>WebSocket: (await import(&quot;ws&quot;)).WebSocket</code></td></tr>
<tr><td>a bundler</td><td><code>npm install http://localhost:8080/sdk.tgz</code>, then <code>import { HeartbeatSocket } from &quot;@systole/sdk&quot;</code></td></tr>
</tbody>
</table></div>
<p>The package&#39;s address stands in <code>package.json</code>: where the hub cannot be reached, as in CI, keep the
file instead (<code>curl -o systole-sdk.tgz http://localhost:8080/sdk.tgz</code>, then
<code>npm install ./systole-sdk.tgz</code>). <a href="/docs/recipes#react">Recipes</a> has a React hook, rxjs and graphql-ws.</p>
<h2 id="profiles">Profiles<a class="anchor" href="#profiles" aria-label="Link to this section">#</a></h2>
<p>The same class is a client of each system. It sends that system&#39;s heartbeat at the recommended
interval and recognizes the answer.</p>
<div class="scroll" tabindex="0"><pre><code class="language-js">import { HeartbeatSocket } from &quot;http://localhost:8080/sdk.js&quot;;

new HeartbeatSocket(&quot;ws://localhost:8080/ws&quot;); // json

new HeartbeatSocket(&quot;ws://localhost:8080/api/v1/ws/subscribe?event_types=pdfm&amp;access_token=…&quot;, {
  profile: &quot;events-hub&quot;,
});

const market = new HeartbeatSocket(&quot;ws://localhost:8080/ws?business=crypto&amp;apikey=…&quot;, {
  profile: &quot;infoway&quot;,
});
market.subscribe(&quot;trade/BTCUSDT&quot;);

const chat = new HeartbeatSocket(&quot;ws://localhost:8080/ws?user_id=alice&quot;, { profile: &quot;tank&quot; });
chat.subscribe(&quot;news&quot;);
chat.send(&quot;to everybody&quot;);

const ticketUrl = async () =&gt; {
  const response = await fetch(&quot;http://localhost:8080/v1/socket-tickets&quot;, {
    method: &quot;POST&quot;,
    headers: { Authorization: &quot;Bearer &lt;credential&gt;&quot; },
  });
  return \`ws://localhost:8080/?ticket=\${(await response.json()).ticket}\`;
};
const game = new HeartbeatSocket(ticketUrl, { profile: &quot;talo&quot; }); // a new ticket for each attempt
const login = { playerAliasId: 7, socketToken: &quot;&lt;credential&gt;&quot; };
game.onopen = () =&gt;
  // sent before the queued messages
  game.send(JSON.stringify({ req: &quot;v1.players.identify&quot;, data: login }));
game.publish(&quot;channels/7&quot;, &quot;hi&quot;);</code></pre></div>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>profile</th><th>heartbeat every</th><th>heartbeat</th><th>answer</th><th><code>subscribe</code></th><th><code>publish</code></th></tr></thead>
<tbody>
<tr><td>json</td><td>30 s</td><td><code>{&quot;type&quot;:&quot;ping&quot;,&quot;id&quot;:…}</code></td><td><code>pong</code> with that id</td><td>any channel</td><td>any channel</td></tr>
<tr><td>events-hub</td><td>30 s</td><td><code>{&quot;event_type&quot;:&quot;health&quot;,&quot;message&quot;:&quot;ping&quot;,…}</code></td><td><code>pong</code>; <code>health</code> is added to <code>event_types</code></td><td>by the URL</td><td>no</td></tr>
<tr><td>infoway</td><td>30 s</td><td><code>{&quot;code&quot;:10010,&quot;ack&quot;:1,…}</code></td><td>10011</td><td>its feeds</td><td>no</td></tr>
<tr><td>tank</td><td>5 s</td><td><code>{&quot;type&quot;:&quot;heartbeat&quot;}</code></td><td>none: the server sends the text <code>heartbeat</code></td><td>any topic</td><td>no, but <code>send</code></td></tr>
<tr><td>talo</td><td>30 s</td><td><code>v1.heartbeat</code></td><td>the same text</td><td>by publishing on a channel</td><td><code>channels/&lt;id&gt;</code></td></tr>
</tbody>
</table></div>
<p>events-hub answers only keys that may subscribe to <code>health</code>. Without that right, set a
<code>heartbeatInterval</code> that is longer than the usual gap between events. In tank the server&#39;s own
heartbeats are the sign of life: where the server sends them less often than every 15 s
(<code>TANK_PING_PERIOD_MS</code>), raise <code>heartbeatInterval</code> to its period.</p>
<h2 id="options">Options<a class="anchor" href="#options" aria-label="Link to this section">#</a></h2>
<p>The second argument is an object of options; in its place a subprotocol or a list of them is
allowed, as with <code>WebSocket</code>. Times are in ms. An option that is <code>undefined</code> keeps its default. A
number that is given as anything else, such as a string from a form, is a <code>RangeError</code>. The first
argument is a URL (<code>http:</code> stands for <code>ws:</code>; in a page it may be relative), or a function, which may
be asynchronous, that returns a URL for each attempt.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>option</th><th>default</th><th>meaning</th></tr></thead>
<tbody>
<tr><td><code>profile</code></td><td><code>&quot;json&quot;</code></td><td>the system; <code>&quot;none&quot;</code>: any other server</td></tr>
<tr><td><code>heartbeat</code></td><td><code>true</code></td><td><code>false</code>: none is sent; an object: one of your own, see <a href="#other-servers">Other servers</a></td></tr>
<tr><td><code>token</code></td><td>none</td><td>a function that returns a JWT, see <a href="#tokens">Tokens</a></td></tr>
<tr><td><code>protocols</code></td><td>none</td><td>subprotocols; <code>[&quot;systole&quot;, &quot;systole.bearer.&lt;credential&gt;&quot;]</code> where a key is needed and headers cannot be set</td></tr>
<tr><td><code>heartbeatInterval</code></td><td>30000, in tank 5000</td><td>from one heartbeat to the next; the first is sent at once</td></tr>
<tr><td><code>heartbeatTimeout</code></td><td>10000</td><td>a connection on which nothing arrives for interval + timeout is dead</td></tr>
<tr><td><code>connectTimeout</code></td><td>20000</td><td>an attempt that is not open after this time has failed; the function that returns the URL is included</td></tr>
<tr><td><code>reconnectInterval</code></td><td>5000</td><td>the first wait is a random part of it; each next range is twice as long, at most 30 s</td></tr>
<tr><td><code>maxReconnectAttempts</code></td><td>10</td><td>attempts in a row; <code>Infinity</code> is allowed; 0: the first loss is the end</td></tr>
<tr><td><code>closeEvents</code></td><td><code>&quot;all&quot;</code></td><td><code>&quot;final&quot;</code>: no <code>close</code> and no <code>error</code> event for a connection that another one follows, only for the end</td></tr>
<tr><td><code>heartbeatInWorker</code></td><td><code>false</code></td><td>use the timers of a worker, which a hidden tab does not throttle; needs <code>worker-src blob:</code> in a policy</td></tr>
<tr><td><code>outboxMessages</code></td><td>256</td><td>messages kept while there is no connection, and publications without an answer; above it the oldest is dropped</td></tr>
<tr><td><code>outboxAgeMs</code></td><td>60000</td><td>older messages are dropped instead of sent; <code>Infinity</code> is allowed; below the hub&#39;s <code>DEDUPE_MS</code></td></tr>
<tr><td><code>outboxBytes</code></td><td>1048576</td><td>bytes kept; above it the oldest is dropped, and a message that alone is larger</td></tr>
<tr><td><code>healthyLatency</code></td><td>100</td><td>healthy up to this average of round trips</td></tr>
<tr><td><code>degradedLatency</code></td><td>500</td><td>degraded up to this average</td></tr>
<tr><td><code>poorLatency</code></td><td>1000</td><td>poor up to this average; critical above</td></tr>
<tr><td><code>maxSamples</code></td><td>10</td><td>round trips in the average and in <code>jitter</code>; each connection starts with none</td></tr>
<tr><td><code>startClosed</code></td><td><code>false</code></td><td>whether the first attempt waits for <code>connect()</code></td></tr>
<tr><td><code>debug</code></td><td>nothing</td><td>a function that is called with a line for each decision</td></tr>
<tr><td><code>WebSocket</code></td><td>the platform&#39;s</td><td>the class that makes the sockets</td></tr>
</tbody>
</table></div>
<h3 id="tokens">Tokens<a class="anchor" href="#tokens" aria-label="Link to this section">#</a></h3>
<div class="scroll" tabindex="0"><pre><code class="language-js">import { HeartbeatSocket } from &quot;http://localhost:8080/sdk.js&quot;;

/** In its place: a request to your own server, which knows the user and signs a token. */
const fetchToken = async () =&gt; &quot;header.payload.signature&quot;;

const socket = new HeartbeatSocket(&quot;ws://localhost:8080/ws&quot;, { token: fetchToken });
socket.subscribe(&quot;updates&quot;);</code></pre></div>
<p><code>token</code> is called before each attempt, and its time is part of <code>connectTimeout</code>. The library offers
the token as the subprotocol <code>systole.bearer.&lt;token&gt;</code> beside <code>systole</code>; it never stands in the URL,
where proxies would log it. When the hub announces the end of the token (<code>expiring</code>), <code>token</code> is
called again and the new one is presented on the open connection, which goes on with its rights: a
connection outlives any number of tokens. If the function fails, or the hub does not accept what it
returned, it is called again after 1 s and a random part of <code>reconnectInterval</code>, doubled each time.
Without a new token in time the connection ends with <code>token_expired</code>, and the next attempt asks for
one. A function that returns a stored token should return a new one in the last 30 s of its life:
the hub accepts only a token that ends later. The frames of a renewal are <code>message</code> events, too.</p>
<h2 id="events">Events<a class="anchor" href="#events" aria-label="Link to this section">#</a></h2>
<p>By <code>addEventListener</code> or an <code>on…</code> property.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>event</th><th>properties</th><th>when</th></tr></thead>
<tbody>
<tr><td><code>open</code></td><td></td><td>a connection is open, the first or a new one, or the next one is used after a <a href="#moves">move</a>; subscriptions are restored, the queued messages follow</td></tr>
<tr><td><code>message</code></td><td><code>data</code></td><td>any frame except heartbeat traffic: the library answers and hides pings, pongs and the like, and the answers to its requests; <code>welcome</code>, <code>subscribed</code>, <code>error</code> and <code>reconnect</code> are events</td></tr>
<tr><td><code>error</code></td><td></td><td>a connection failed; <code>close</code> follows</td></tr>
<tr><td><code>close</code></td><td><code>code</code>, <code>reason</code>, <code>wasClean</code></td><td>a connection is over, or an attempt failed; <code>readyState</code> is <code>CONNECTING</code> if another attempt follows</td></tr>
<tr><td><code>heartbeat</code></td><td><code>rtt</code></td><td>the peer answered; in tank the peer sent its heartbeat, and <code>rtt</code> is undefined</td></tr>
<tr><td><code>heartbeattimeout</code></td><td></td><td>the peer is silent; <code>close</code> with 4000 follows at once</td></tr>
<tr><td><code>reconnecting</code></td><td><code>attempt</code>, <code>delayMs</code>, <code>reason</code></td><td>an attempt is scheduled; after advice of the hub the connection is open until then, or <a href="#moves">until the next one is used</a>; <code>delayMs</code> is <code>Infinity</code> while there is no network</td></tr>
<tr><td><code>giveup</code></td><td><code>attempts</code>, <code>reason</code></td><td>no attempt follows: too many failed, until it is woken, or the server forbids it</td></tr>
<tr><td><code>health</code></td><td><code>status</code>, <code>previous</code>, <code>latency</code>, <code>jitter</code></td><td>the status has changed</td></tr>
<tr><td><code>drop</code></td><td><code>data</code>, <code>reason</code></td><td>a message will not be sent, or not again: the outbox was <code>full</code>, it <code>expired</code>, or the socket is <code>closed</code></td></tr>
<tr><td><code>recovered</code></td><td><code>channel</code>, <code>count</code></td><td>after a reconnect, all that was missed of this channel has been received; <code>count</code> messages were replayed</td></tr>
<tr><td><code>gap</code></td><td><code>channel</code></td><td>messages of this channel may be missing before the next one</td></tr>
</tbody>
</table></div>
<p>In addition to what <code>WebSocket</code> has there are <code>retryCount</code> (attempts in a row), <code>rtt</code> (the newest
round trip), <code>jitter</code> (the standard deviation of the last <code>maxSamples</code>) and <code>status</code>: <code>unknown</code>;
<code>healthy</code>, <code>degraded</code>, <code>poor</code> or <code>critical</code> by the average, as on the hub; <code>timeout</code> after a
heartbeat without an answer, until the next connection; <code>dead</code> after <code>giveup</code>. All are those of the
present connection.</p>
<h2 id="moves">Moves<a class="anchor" href="#moves" aria-label="Link to this section">#</a></h2>
<p>When the hub advises another connection (<code>reconnect</code>) and the present one stays open, the library
makes the next one before it closes the present one. There is no <code>close</code>, and <code>readyState</code> stays 1:</p>
<ol>
<li>It opens the next connection, names the present one (<code>?replaces=</code>, so that
<a href="/docs/keys#limits">limits</a> by key and address count the two once) and subscribes with its
positions. Both bring messages: each is delivered once, by the connection that is first.</li>
<li>Once the next one has answered, and every channel has what that one has missed, the present one
is asked for the answers to all that was sent on it. What is sent meanwhile waits in the outbox,
so that the order of publications stays.</li>
<li>With the answer, after 5 s at the latest, the next connection is used alone: <code>open</code> is fired,
since what you sent as text (a subscription of your own, for instance) counts for one connection;
the outbox follows, and the old connection is closed with 1000. <code>health</code> begins anew.</li>
</ol>
<p>If the next connection fails, the present one stays, and attempts follow as after a loss, without
<code>close</code> and <code>error</code>. If the present one is lost first, the next one is used at once. A channel
without a history is read from one connection at a time, and fires <code>gap</code> when it changes. A hub that
restarts (<a href="/docs/deploy#shutdown"><code>drain</code></a>) advises those to move for whom there is time; the others it
closes with their slots, and the library comes back then. Only json has moves, with a heartbeat that
is answered; in other profiles, and by <code>reconnect()</code>, the connection is closed before the next
attempt.</p>
<h2 id="subscriptions">Subscriptions<a class="anchor" href="#subscriptions" aria-label="Link to this section">#</a></h2>
<p><code>subscribe(channel, listener, options)</code> returns a subscription. The listener receives what is
published on this channel: <code>data</code> is the parsed value, with <code>channel</code>, <code>timestamp</code> and <code>offset</code>
beside it. Listeners and options are for json; a call with the channel alone is for every profile
that subscribes, and needs no returned object: the socket&#39;s <code>message</code> event has all frames as text.</p>
<div class="scroll" tabindex="0"><pre><code class="language-js">import { HeartbeatSocket } from &quot;http://localhost:8080/sdk.js&quot;;

const socket = new HeartbeatSocket(&quot;ws://localhost:8080/ws&quot;);
const updates = socket.subscribe(&quot;updates&quot;, ({ data, offset }) =&gt; console.log(offset, data));
updates.addEventListener(&quot;recovered&quot;, ({ count }) =&gt; console.log(\`\${count} were missed\`));
updates.addEventListener(&quot;gap&quot;, () =&gt; console.log(&quot;load the present state anew&quot;));
const log = socket.subscribe(&quot;log&quot;, null, { last: 20 }); // begins with the newest 20
log.unsubscribe();</code></pre></div>
<p>A subscription is an <code>EventTarget</code> with the events <code>message</code>, <code>recovered</code>, <code>gap</code> and <code>unsubscribed</code>,
and has <code>channel</code>, <code>position</code>, <code>history()</code>, <code>presence()</code>, <code>unsubscribe()</code> and <code>Symbol.dispose</code>
(<code>using</code>). Subscriptions of one channel share one on the wire, which ends with the last
<code>unsubscribe()</code>; <code>socket.unsubscribe(channel)</code> ends all of them. So does the hub when a new token
does not allow the channel: <code>unsubscribed</code> with its <code>reason</code> comes last, and the library does not
ask again. With another token <code>subscribe()</code> begins anew, with the old <code>position</code> as <code>since</code>.</p>
<p>On a channel of which the hub keeps a history, nothing is lost in silence:</p>
<ul>
<li>After a reconnect the library asks for what followed the newest message that it has delivered. The
missed messages come first, in order, as usual <code>message</code> events; then <code>recovered</code>. The position
moves before the listeners run: a message whose listener throws counts as delivered.</li>
<li>A message that comes twice is dropped, by channel, epoch and offset.</li>
<li><code>gap</code> says that messages may be missing before the next one: the hub no longer had them, it has
begun a new epoch (in one process, each start does), or an offset is missing. Load the state from
where it is kept.</li>
<li><code>position</code> is where the subscription is. Give it as <code>since</code> to continue from there after a reload
of the page: <code>{ epoch, offset }</code>, for the same hub and channel.</li>
<li><code>last</code> asks for the newest messages at the start, and after a reconnect that ends in a gap.
<code>since</code> and <code>last</code> count for the first subscription of a channel; a later one gets what is new,
and a <code>gap</code> of its own.</li>
</ul>
<p>Without a history <code>subscribed</code> has no <code>epoch</code>, and messages come as they are sent: neither
<code>recovered</code> nor <code>gap</code> is fired, except after a <a href="#moves">move</a>, and that a <code>since</code> that the hub
cannot answer is a <code>gap</code>.</p>
<p><code>history({ since, last })</code> reads a part of the history without a subscription&#39;s order, all that is
kept by default: <code>{ epoch, offset, messages, recovered, more }</code>, as the <a href="/docs/messages#history">frame</a>
has them. With <code>more</code>, ask again with the last offset.</p>
<h2 id="publications">Publications<a class="anchor" href="#publications" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><pre><code class="language-js">import { HeartbeatSocket } from &quot;http://localhost:8080/sdk.js&quot;;

const socket = new HeartbeatSocket(&quot;ws://localhost:8080/ws&quot;);
try {
  const position = await socket.publish(&quot;updates&quot;, { hello: &quot;world&quot; });
  console.log(position); // { epoch, offset }; undefined where the channel has no history
  if (position?.degraded) console.log(&quot;only a part of the subscribers has it&quot;);
} catch ({ code, message }) {
  console.log(code, message);
}</code></pre></div>
<p><code>publish()</code> returns a promise that the hub&#39;s answer settles. A publication that had no answer when
its connection was lost is sent again on the next one, in order and before what is newer, with the
same id: the hub <a href="/docs/delivery#when-an-answer-is-lost">delivers it once</a>. One that is refused as
<code>busy</code> or <code>unavailable</code> is sent again after the wait that the hub asks for; what was sent after it
may then come before it. Until it is answered, a publication counts in the outbox. <code>degraded</code> is
true where the hub has several processes and the one of this connection reaches
<a href="/docs/delivery#while-redis-is-away">no other</a>: then only its own subscribers have the publication.</p>
<p>The promise rejects with an <code>Error</code> that has a <code>code</code>: the hub&#39;s (<code>forbidden</code>, <code>bad_message</code>), or
why the outbox dropped the publication (<code>full</code>, <code>expired</code>, <code>closed</code>). Its <code>message</code> then says
whether it was <code>Not sent</code>, or has <code>No answer</code>: it was sent, and may have taken effect. What is too
old is dropped at the next heartbeat or attempt. Whoever publishes more than <code>outboxMessages</code> at
once waits for the promises, or raises it: all are sent, but the oldest lose their answers. A
promise that nobody watches makes no <code>unhandledrejection</code>. In talo, whose peer answers nothing, it
is fulfilled when the publication is sent.</p>
<p><code>history()</code> and <code>presence()</code> wait for a connection, are asked again and reject in the same way.</p>
<h2 id="members">Members<a class="anchor" href="#members" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><pre><code class="language-js">import { HeartbeatSocket } from &quot;http://localhost:8080/sdk.js&quot;;

const socket = new HeartbeatSocket(&quot;ws://localhost:8080/ws&quot;);
const room = socket.subscribe(&quot;room&quot;, null, { presence: true, info: { name: &quot;Ada&quot; } });
room.addEventListener(&quot;joined&quot;, ({ member, info }) =&gt; console.log(&quot;joined&quot;, member, info));
room.addEventListener(&quot;left&quot;, ({ member, info }) =&gt; console.log(&quot;left&quot;, member, info));
const { count, members } = await room.presence();
console.log(count, members);</code></pre></div>
<p>With <code>presence</code> or <code>info</code> the socket is a <a href="/docs/messages#presence">member</a> of the channel, under a
random name that it keeps as long as it exists: a reconnect within the grace is no <code>left</code>. <code>info</code>,
any JSON value of at most 1 KiB, is what others see of it. Both hold until the channel&#39;s last
subscription ends, and a later <code>subscribe()</code> may add them.</p>
<p>With <code>presence</code> a subscription fires <code>joined</code> and <code>left</code>, with <code>user</code>, <code>member</code>, <code>clientId</code> and
<code>info</code>, for this client, too. After a reconnect the library asks who is there, and fires them for
what has changed meanwhile. <code>presence()</code> returns <code>{ count, members, more }</code> at any time, also
without the option. While a channel has more than 1000 members the hub only counts them: <code>members</code>
with <code>count</code>. After one whose <code>count</code> is at most 1000, ask <code>presence()</code> anew.</p>
<h2 id="other-servers">Other servers<a class="anchor" href="#other-servers" aria-label="Link to this section">#</a></h2>
<p>With <code>profile: &quot;none&quot;</code> the library sends nothing but your messages and takes no silence for a
timeout: it reconnects, and keeps what is sent meanwhile. So it runs under
<a href="https://the-guild.dev/graphql/ws">graphql-ws</a>, rxjs and y-websocket as their WebSocket. A library
that reconnects by itself needs <code>maxReconnectAttempts: 0</code>, or both open a socket after a loss; one
that takes the first <code>close</code> for the end, as rxjs does, lives through reconnects with
<code>closeEvents: &quot;final&quot;</code> (what rxjs is given while there is no connection it drops itself). Where a
server has a heartbeat of its own, describe it:</p>
<div class="scroll" tabindex="0"><pre><code class="language-js">import { HeartbeatSocket } from &quot;http://localhost:8080/sdk.js&quot;;

new HeartbeatSocket(&quot;ws://localhost:8080/ws&quot;, {
  heartbeat: {
    message: () =&gt; JSON.stringify({ type: &quot;ping&quot;, timestamp: Date.now() }), // or a text, or bytes
    isAnswer: (data) =&gt; typeof data === &quot;string&quot; &amp;&amp; data.startsWith('{&quot;type&quot;:&quot;pong&quot;'),
    interval: 20_000,
    timeout: 5_000,
  },
});</code></pre></div>
<p>Without <code>isAnswer</code> nothing is measured, and any frame is a sign of life. A server that has never
answered a heartbeat may not know it: its silence is no timeout, and a <code>console.warn</code> says so once.</p>
<h2 id="what-it-does-by-itself">What it does by itself<a class="anchor" href="#what-it-does-by-itself" aria-label="Link to this section">#</a></h2>
<ul>
<li><strong>Reconnect</strong>: exponential backoff with full jitter. When 5000 clients lose their server at once,
their worst second has within a few percent of the attempts that full jitter predicts (the test
allows 1.2 times), and all reconnect (<code>tests/sdk/storm_test.ts</code>). The count of attempts starts
again once a connection has lasted 10 s, so that a server which accepts clients and closes them at
once is not flooded.</li>
<li><strong>Advice of the server</strong>: <code>afterMs</code> of a <code>reconnect</code> message or of a close text is the earliest
time of the next attempt; the jitter is added to it. After <code>drain</code> and <code>overload</code> it is the
client&#39;s <a href="/docs/deploy#slots">slot</a>: the attempt is made then, without jitter, however many have
failed. <code>no retry</code> is final, and so are codes after which the same would happen again (1002, 1003,
1007, 1009, 1010, 3000, 3003). 1008 without advice, the rate limit of infoway and talo, is a
minute&#39;s wait. After advice to reconnect the connection stays open until that time, and in json
until the next one is used (<a href="#moves">Moves</a>). Advice to a connection younger than 10 s counts as a
failed attempt; when no attempt is left, the connection stays. Advice for bad health (<code>poor</code>,
<code>critical</code>) is taken once until a connection has been healthy, and each time after twice the wait:
a connection that is slow because its server is far away is kept. With a function for the URL or
the option <code>token</code>, 3000 and an expired token are reasons to call it for a new one.</li>
<li><strong>The network</strong>: while the browser is <code>offline</code> the library makes no attempts, runs no heartbeat
timeout, and keeps messages until the peer has answered again. At <code>online</code> it tries at once and
counts again from zero. When a page is shown or thawed, or the kind of network changes, it sends
one heartbeat with 5 s for the answer; it does not reconnect at once.</li>
<li><strong>No false timeout</strong>: a timer that fires late, in a throttled tab, after a blocked page or a sleep
of the machine (wall clock against monotonic clock), is no missed heartbeat but a reason to ask
once more. Only the third late timer in a row without a frame from the peer is a timeout.</li>
<li><strong>Giving up</strong>: after too many attempts it sleeps. <code>online</code>, a page that is shown again or thawed,
or <code>reconnect()</code> begins anew with all attempts; messages wait in the outbox meanwhile. Node has
none of these events. With <code>maxReconnectAttempts: 0</code> only <code>reconnect()</code> begins anew, and messages
are dropped. What the server forbids stays final.</li>
<li><strong><code>reconnect()</code></strong> makes an attempt at once, but not before the server allows it: instead of the
open connection or of a scheduled attempt, or after giving up.</li>
<li><strong><code>close()</code></strong> ends everything, with 1000 <code>Client closed</code> by default, and cancels what is
scheduled.</li>
<li><strong>The outbox</strong> stores what is neither text nor bytes as the text that <code>WebSocket</code> would send. What
<code>send()</code> wrote on a connection that failed a moment later is lost; what <code>publish()</code> did is not,
see <a href="#publications">Publications</a>. After a <code>busy</code> or <code>unavailable</code> error of the hub, messages wait
in the outbox for as long as it asks. <code>bufferedAmount</code> counts what is in it.</li>
</ul>
<h2 id="what-a-browser-does-to-a-heartbeat">What a browser does to a heartbeat<a class="anchor" href="#what-a-browser-does-to-a-heartbeat" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>what happens</th><th>what the browser does</th><th>what the library does</th></tr></thead>
<tbody>
<tr><td>the tab is hidden</td><td>its timers fire once a second, after 5 minutes once a minute, also with an open WebSocket</td><td>without the worker heartbeats are late, but no timeout follows; the browser still answers control pings, so only systems that accept nothing but their own heartbeat (infoway) close. With <code>heartbeatInWorker: true</code> heartbeats are on time</td></tr>
<tr><td>the page is frozen</td><td>no timer, event or worker runs; control pings are still answered. Newer versions of Chromium close the WebSockets of a frozen page when it thaws (1006 in the page, 1001 to the server)</td><td>reconnects; where the connection still exists, one heartbeat shows it</td></tr>
<tr><td>the network is lost</td><td><code>offline</code>; sent data stay in the buffers of the operating system, in both directions, and arrive when the network is back, if the connection still exists</td><td>messages wait in the outbox until the hub has answered a heartbeat; at <code>online</code> one heartbeat, or at once a new connection. A hub on the same machine answers all the time, and nothing waits</td></tr>
<tr><td>a strict Content-Security-Policy</td><td>forbids the worker unless it has <code>worker-src blob:</code>, and writes a line to the console</td><td>uses the timers of the page</td></tr>
</tbody>
</table></div>
</main>
</div>
</body>
</html>
`,
  "recipes": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Recipes · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes" aria-current="page">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#behind-nginx">Behind nginx</a></li>
<li class="depth-2"><a href="#behind-caddy">Behind Caddy</a></li>
<li class="depth-2"><a href="#mint-a-token">Mint a token</a></li>
<li class="depth-3"><a href="#javascript">JavaScript</a></li>
<li class="depth-3"><a href="#python">Python</a></li>
<li class="depth-3"><a href="#go">Go</a></li>
<li class="depth-3"><a href="#php">PHP</a></li>
<li class="depth-3"><a href="#ruby">Ruby</a></li>
<li class="depth-2"><a href="#react">React</a></li>
<li class="depth-2"><a href="#rxjs">rxjs</a></li>
<li class="depth-2"><a href="#graphql-ws">graphql-ws</a></li>
<li class="depth-2"><a href="#inside-your-own-deno-program">Inside your own Deno program</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Recipes</h1>
<p>Each configuration and program of this page is run by a test (<code>tests/docs/recipes_test.ts</code>,
<code>tests/docs/recipe_libraries_test.ts</code>). The hub listens on 127.0.0.1:8080, its default.</p>
<h2 id="behind-nginx">Behind nginx<a class="anchor" href="#behind-nginx" aria-label="Link to this section">#</a></h2>
<p>A whole <code>nginx.conf</code>:</p>
<div class="scroll" tabindex="0"><pre><code class="language-nginx">worker_rlimit_nofile 8192;

events {
  worker_connections 4096; # each client takes two
}

http {
  # &quot;upgrade&quot; for a WebSocket, &quot;close&quot; for any other request
  map $http_upgrade $connection_upgrade {
    default upgrade;
    &quot;&quot; close;
  }

  server {
    listen 80; # for TLS: listen 443 ssl, ssl_certificate and ssl_certificate_key
    server_name hub.example.com;

    location / {
      proxy_pass http://127.0.0.1:8080;
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection $connection_upgrade;
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_read_timeout 75s; # PROXY_PRESET=nginx keeps ping periods at 55 s or less
    }
  }
}</code></pre></div>
<p>The hub beside it:</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">PROXY_PRESET=nginx TRUSTED_PROXIES=127.0.0.1 ALLOWED_ORIGINS=https://app.example.com,https://hub.example.com \\
  API_KEYS_FILE=keys.json deno task start</code></pre></div>
<ul>
<li><code>keys.json</code> is a list of <a href="/docs/keys#keys">keys</a>. Without keys or tokens a hub on 127.0.0.1 answers
403 to every <code>Host</code> that is not loopback, <code>hub.example.com</code> included.</li>
<li><code>ALLOWED_ORIGINS</code> has the origins of the pages that connect. It replaces the default: without the
name of the hub itself its live page cannot connect.</li>
<li>With <code>TRUSTED_PROXIES</code> the hub takes the address of the client from <code>X-Forwarded-For</code>. What a
client itself writes into that header is not believed.</li>
</ul>
<h2 id="behind-caddy">Behind Caddy<a class="anchor" href="#behind-caddy" aria-label="Link to this section">#</a></h2>
<p>A whole <code>Caddyfile</code>. Caddy passes on the upgrade and <code>Host</code>, and sets <code>X-Forwarded-For</code>, without
further lines; it fetches a certificate for the name.</p>
<div class="scroll" tabindex="0"><pre><code class="language-caddy">hub.example.com {
	reverse_proxy 127.0.0.1:8080
}</code></pre></div>
<p>The hub beside it, for the same reasons:</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">TRUSTED_PROXIES=127.0.0.1 ALLOWED_ORIGINS=https://app.example.com,https://hub.example.com \\
  API_KEYS_FILE=keys.json deno task start</code></pre></div>
<h2 id="mint-a-token">Mint a token<a class="anchor" href="#mint-a-token" aria-label="Link to this section">#</a></h2>
<p>Your backend signs a <a href="/docs/keys#tokens">token</a> for each of its users. The programs read the secret
from <code>JWT_SECRET</code>, which has at least 32 bytes, and print a token that is valid for an hour. The hub
must be started with the same <code>JWT_SECRET</code>. A client presents the token like a
<a href="/docs/keys#keys">credential</a>.</p>
<h3 id="javascript">JavaScript<a class="anchor" href="#javascript" aria-label="Link to this section">#</a></h3>
<div class="scroll" tabindex="0"><pre><code class="language-js">import { createHmac } from &quot;node:crypto&quot;;
import process from &quot;node:process&quot;;

const encode = (value) =&gt; Buffer.from(JSON.stringify(value)).toString(&quot;base64url&quot;);

const content = encode({ alg: &quot;HS256&quot;, typ: &quot;JWT&quot; }) + &quot;.&quot; + encode({
  sub: &quot;alice&quot;,
  exp: Math.floor(Date.now() / 1000) + 3600,
  systole: { publish: [&quot;chat/*&quot;], subscribe: [&quot;chat/*&quot;], admin: false },
});
const signature = createHmac(&quot;sha256&quot;, process.env.JWT_SECRET).update(content).digest(&quot;base64url&quot;);
console.log(\`\${content}.\${signature}\`);</code></pre></div>
<h3 id="python">Python<a class="anchor" href="#python" aria-label="Link to this section">#</a></h3>
<div class="scroll" tabindex="0"><pre><code class="language-python">import base64
import hashlib
import hmac
import json
import os
import time


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b&quot;=&quot;)


header = {&quot;alg&quot;: &quot;HS256&quot;, &quot;typ&quot;: &quot;JWT&quot;}
claims = {
    &quot;sub&quot;: &quot;alice&quot;,
    &quot;exp&quot;: int(time.time()) + 3600,
    &quot;systole&quot;: {&quot;publish&quot;: [&quot;chat/*&quot;], &quot;subscribe&quot;: [&quot;chat/*&quot;], &quot;admin&quot;: False},
}
content = b&quot;.&quot;.join(encode(json.dumps(part).encode()) for part in (header, claims))
secret = os.environ[&quot;JWT_SECRET&quot;].encode()
signature = encode(hmac.new(secret, content, hashlib.sha256).digest())
print((content + b&quot;.&quot; + signature).decode())</code></pre></div>
<h3 id="go">Go<a class="anchor" href="#go" aria-label="Link to this section">#</a></h3>
<div class="scroll" tabindex="0"><pre><code class="language-go">package main

import (
	&quot;crypto/hmac&quot;
	&quot;crypto/sha256&quot;
	&quot;encoding/base64&quot;
	&quot;encoding/json&quot;
	&quot;fmt&quot;
	&quot;os&quot;
	&quot;time&quot;
)

type Rights struct {
	Publish   []string \`json:&quot;publish&quot;\`
	Subscribe []string \`json:&quot;subscribe&quot;\`
	Admin     bool     \`json:&quot;admin&quot;\`
}

type Claims struct {
	Sub     string \`json:&quot;sub&quot;\`
	Exp     int64  \`json:&quot;exp&quot;\`
	Systole Rights \`json:&quot;systole&quot;\`
}

func mint(secret []byte, claims Claims) (string, error) {
	body, err := json.Marshal(claims)
	if err != nil {
		return &quot;&quot;, err
	}
	encode := base64.RawURLEncoding.EncodeToString
	content := encode([]byte(\`{&quot;alg&quot;:&quot;HS256&quot;,&quot;typ&quot;:&quot;JWT&quot;}\`)) + &quot;.&quot; + encode(body)
	mac := hmac.New(sha256.New, secret)
	mac.Write([]byte(content))
	return content + &quot;.&quot; + encode(mac.Sum(nil)), nil
}

func main() {
	token, err := mint([]byte(os.Getenv(&quot;JWT_SECRET&quot;)), Claims{
		Sub:     &quot;alice&quot;,
		Exp:     time.Now().Add(time.Hour).Unix(),
		Systole: Rights{Publish: []string{&quot;chat/*&quot;}, Subscribe: []string{&quot;chat/*&quot;}},
	})
	if err != nil {
		panic(err)
	}
	fmt.Println(token)
}</code></pre></div>
<h3 id="php">PHP<a class="anchor" href="#php" aria-label="Link to this section">#</a></h3>
<div class="scroll" tabindex="0"><pre><code class="language-php">&lt;?php

function encode(string $data): string
{
    return rtrim(strtr(base64_encode($data), '+/', '-_'), '=');
}

$header = ['alg' =&gt; 'HS256', 'typ' =&gt; 'JWT'];
$claims = [
    'sub' =&gt; 'alice',
    'exp' =&gt; time() + 3600,
    'systole' =&gt; ['publish' =&gt; ['chat/*'], 'subscribe' =&gt; ['chat/*'], 'admin' =&gt; false],
];
$content = encode(json_encode($header)) . '.' . encode(json_encode($claims));
$signature = hash_hmac('sha256', $content, getenv('JWT_SECRET'), true);
echo $content . '.' . encode($signature) . &quot;\\n&quot;;</code></pre></div>
<h3 id="ruby">Ruby<a class="anchor" href="#ruby" aria-label="Link to this section">#</a></h3>
<div class="scroll" tabindex="0"><pre><code class="language-ruby">require &quot;json&quot;
require &quot;openssl&quot;

def encode(data)
  [data].pack(&quot;m0&quot;).tr(&quot;+/&quot;, &quot;-_&quot;).delete(&quot;=&quot;)
end

header = { alg: &quot;HS256&quot;, typ: &quot;JWT&quot; }
claims = {
  sub: &quot;alice&quot;,
  exp: Time.now.to_i + 3600,
  systole: { publish: [&quot;chat/*&quot;], subscribe: [&quot;chat/*&quot;], admin: false },
}
content = [header, claims].map { |part| encode(JSON.generate(part)) }.join(&quot;.&quot;)
signature = OpenSSL::HMAC.digest(&quot;SHA256&quot;, ENV.fetch(&quot;JWT_SECRET&quot;), content)
puts &quot;#{content}.#{encode(signature)}&quot;</code></pre></div>
<h2 id="react">React<a class="anchor" href="#react" aria-label="Link to this section">#</a></h2>
<p>The package is the hub&#39;s: <code>npm install http://localhost:8080/sdk.tgz</code>. The hook returns the newest
data of a channel, and <code>undefined</code> until there are any.</p>
<div class="scroll" tabindex="0"><pre><code class="language-tsx">import { useEffect, useState } from &quot;react&quot;;
import { HeartbeatSocket } from &quot;@systole/sdk&quot;;

export function useChannel&lt;Data&gt;(url: string, channel: string): Data | undefined {
  const [data, setData] = useState&lt;Data&gt;();
  useEffect(() =&gt; {
    const socket = new HeartbeatSocket(url);
    socket.subscribe(channel);
    socket.onmessage = (event) =&gt; {
      const message = JSON.parse(event.data);
      if (message.type === &quot;message&quot;) setData(message.data);
    };
    return () =&gt; {
      socket.close();
      setData(undefined);
    };
  }, [url, channel]);
  return data;
}</code></pre></div>
<p>Each use of the hook has a connection of its own.</p>
<h2 id="rxjs">rxjs<a class="anchor" href="#rxjs" aria-label="Link to this section">#</a></h2>
<p>The connection is opened by <code>subscribe()</code> and closed by <code>unsubscribe()</code>. The stream continues after
a reconnect, and fails when the client library gives up.</p>
<div class="scroll" tabindex="0"><pre><code class="language-ts">import { HeartbeatSocket } from &quot;@systole/sdk&quot;;
import { Observable } from &quot;rxjs&quot;;

function messagesOf(url: string, channel: string): Observable&lt;unknown&gt; {
  return new Observable((subscriber) =&gt; {
    const socket = new HeartbeatSocket(url);
    socket.subscribe(channel);
    socket.onmessage = (event) =&gt; {
      const message = JSON.parse(event.data);
      if (message.type === &quot;message&quot;) subscriber.next(message.data);
    };
    socket.ongiveup = ({ reason }) =&gt; subscriber.error(new Error(reason));
    return () =&gt; socket.close();
  });
}

messagesOf(&quot;ws://localhost:8080/ws&quot;, &quot;updates&quot;).subscribe((data) =&gt; console.log(data));</code></pre></div>
<h2 id="graphql-ws">graphql-ws<a class="anchor" href="#graphql-ws" aria-label="Link to this section">#</a></h2>
<p>For a GraphQL server, which is not the hub. graphql-ws reconnects by itself, so the client library
must not: <code>maxReconnectAttempts</code> is 0. The library finds a silent server by the pings of GraphQL&#39;s
protocol.</p>
<div class="scroll" tabindex="0"><pre><code class="language-ts">import { HeartbeatSocket } from &quot;@systole/sdk&quot;;
import { createClient } from &quot;graphql-ws&quot;;

class GraphqlSocket extends HeartbeatSocket {
  constructor(url: string | URL, protocols?: string | string[]) {
    super(url, {
      profile: &quot;none&quot;,
      protocols,
      maxReconnectAttempts: 0,
      heartbeat: {
        message: '{&quot;type&quot;:&quot;ping&quot;}',
        isAnswer: (data) =&gt; data === '{&quot;type&quot;:&quot;pong&quot;}',
        interval: 20_000,
        timeout: 5_000,
      },
    });
  }
}

const client = createClient({ url: &quot;ws://localhost:4000/graphql&quot;, webSocketImpl: GraphqlSocket });
for await (const { data } of client.iterate({ query: &quot;subscription { greeting }&quot; })) {
  console.log(data);
}</code></pre></div>
<h2 id="inside-your-own-deno-program">Inside your own Deno program<a class="anchor" href="#inside-your-own-deno-program" aria-label="Link to this section">#</a></h2>
<p><code>startServer()</code> runs a hub in your process. It reads no environment, handles no signals and never
ends the process. <code>parseConfig()</code> takes the <a href="/docs/options">options</a> by name, as texts.</p>
<div class="scroll" tabindex="0"><pre><code class="language-ts">import { parseConfig, readFiles, startServer } from &quot;./systole/server/mod.ts&quot;;

const config = parseConfig({ PORT: &quot;8080&quot;, PONG_WAIT_MS: &quot;30000&quot; });
const log = { debug() {}, info: console.log, warning: console.warn, error: console.error };
const hub = await startServer({ config, log, files: await readFiles(config) });

Deno.addSignalListener(&quot;SIGTERM&quot;, async () =&gt; {
  await hub.drain(); // at most SHUTDOWN_MS
  Deno.exit();
});</code></pre></div>
<p>This is <code>main.ts</code> beside a clone of the repository in <code>systole/</code>. The hub&#39;s dependencies and its
unstable API (Deno KV) are in the clone&#39;s <code>deno.json</code>:
<code>deno run --config systole/deno.json --allow-net --allow-env main.ts</code>. A program with a <code>deno.json</code>
of its own has <code>&quot;workspace&quot;: [&quot;./systole&quot;]</code> and <code>&quot;unstable&quot;: [&quot;kv&quot;]</code> in it instead.</p>
</main>
</div>
</body>
</html>
`,
  "probe": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Probe · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe" aria-current="page">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#as-a-command">As a command</a></li>
<li class="depth-2"><a href="#options">Options</a></li>
<li class="depth-2"><a href="#what-cuts-my-connection">What cuts my connection?</a></li>
<li class="depth-2"><a href="#type-frames">Type frames</a></li>
<li class="depth-2"><a href="#exit-codes">Exit codes</a></li>
<li class="depth-2"><a href="#json-output">JSON output</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Probe</h1>
<p><code>deno task probe &lt;url&gt;</code> is <code>ping</code> for WebSockets, against any server. It shows whether the server
answers, how fast, how often the server itself pings, and after how long a silent connection is cut.</p>
<div class="scroll" tabindex="0"><pre><code class="language-console">$ deno task -q probe --count 4 --profile json ws://127.0.0.1:8080/ws
connected to ws://127.0.0.1:8080/ws in 15.19 ms, subprotocol none, extensions none
control ping 1: 2.13 ms
json ping 1: 2.56 ms
control ping 2: 1.03 ms
json ping 2: 1.37 ms
server's control ping 1, after 1.24 s
server's json ping 1, after 1.24 s
control ping 3: 0.87 ms
json ping 3: 1.33 ms
server's control ping 2, after 2.73 s
server's json ping 2, after 2.73 s
control ping 4: 1.80 ms
json ping 4: 1.84 ms

--- ws://127.0.0.1:8080/ws, open for 3.01 s ---
control pings: 4 sent, 4 answered, 0 lost (0 %)
  min/avg/max/stddev/jitter = 0.87/1.46/2.13/0.52/0.13 ms
json pings: 4 sent, 4 answered, 0 lost (0 %)
  min/avg/max/stddev/jitter = 1.33/1.78/2.56/0.49/0.10 ms
server's control pings: 2, every 1.50 s
server's json pings: 2, every 1.50 s
other messages: 2
closed by the probe</code></pre></div>
<p>(The hub ran with <code>PING_PERIOD_MS=1500</code>.)</p>
<ul>
<li><strong><code>connected …</code></strong>: the time of the handshake, from the DNS look-up on, and what the server chose
of the offered subprotocols (<code>--protocol</code>) and compression.</li>
<li><strong><code>control ping n</code></strong>: a WebSocket ping with a payload of its own; only the pong with that payload
counts. It measures the network and the server&#39;s WebSocket layer. A ping without an answer within
<code>--timeout</code> is lost.</li>
<li><strong><code>json ping n</code></strong>: the heartbeat of the profile, if <code>--profile</code> is given. It also measures the
program behind that layer. Control pongs without these mean a hanging program (or another system);
these without control pongs mean that a proxy drops control frames. The last line says so.</li>
<li><strong><code>server&#39;s … ping n</code></strong>: what the server sends by itself, and at the end its mean period. The
probe answers, as every client must (with <code>--mute</code> it does not).</li>
<li><strong><code>jitter</code></strong> is RFC 3550&#39;s, <code>stddev</code> that of the population; both of all answers.</li>
</ul>
<h2 id="as-a-command">As a command<a class="anchor" href="#as-a-command" aria-label="Link to this section">#</a></h2>
<p>From a clone, or by the address of its raw files, without one:</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">deno install --global --config deno.json --name systole-probe --allow-net \\
  --allow-env=PROBE_KEY,WS_NO_BUFFER_UTIL,WS_NO_UTF_8_VALIDATE server/cli/probe.ts

deno install --global --import-map https://example.com/systole/deno.json --name systole-probe \\
  --allow-net --allow-env=PROBE_KEY,WS_NO_BUFFER_UTIL,WS_NO_UTF_8_VALIDATE \\
  --allow-import=example.com https://example.com/systole/server/cli/probe.ts</code></pre></div>
<h2 id="options">Options<a class="anchor" href="#options" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>option</th><th>meaning</th><th>default</th></tr></thead>
<tbody>
<tr><td><code>--count</code>, <code>--interval</code></td><td>rounds of pings, and seconds from one to the next</td><td>until Ctrl-C, 1</td></tr>
<tr><td><code>--timeout</code></td><td>seconds for the handshake, and for each answer</td><td>5</td></tr>
<tr><td><code>--profile</code></td><td><code>json</code>, <code>events-hub</code>, <code>infoway</code>, <code>tank</code> (whose server answers no heartbeat) or <code>talo</code></td><td>none</td></tr>
<tr><td><code>--idle [seconds]</code></td><td>send no ping; wait until the connection is closed, at most this long</td><td>600</td></tr>
<tr><td><code>--interactive</code></td><td>send each line of the input as a message, and print what comes; see <a href="#type-frames">Type frames</a></td><td></td></tr>
<tr><td><code>--mute</code></td><td>do not answer the server&#39;s pings</td><td></td></tr>
<tr><td><code>--key</code>, or <code>PROBE_KEY</code></td><td>a credential, sent as <code>Authorization: Bearer</code>, or where the profile&#39;s clients send it: <code>?apikey=</code> (infoway), <code>?token=</code> (tank), <code>?ticket=</code> (talo)</td><td></td></tr>
<tr><td><code>--header &quot;Name: value&quot;</code></td><td>a header field; <code>--protocol</code> a subprotocol to offer; both any number of times</td><td></td></tr>
<tr><td><code>--insecure</code></td><td>accept any certificate; to trust a private authority, run <code>DENO_CERT=ca.pem deno task probe …</code></td><td></td></tr>
<tr><td><code>--json</code></td><td>print one object a line</td><td></td></tr>
<tr><td><code>--version</code></td><td>alone: print the version</td><td></td></tr>
</tbody>
</table></div>
<p>The probe prints no credential: no header, no query (<code>?…</code>), no user and password. But <code>deno task</code>
prints the command that it runs, and process lists show it. Give secrets in <code>PROBE_KEY</code>, or at least
use <code>deno task -q</code>.</p>
<h2 id="what-cuts-my-connection">What cuts my connection?<a class="anchor" href="#what-cuts-my-connection" aria-label="Link to this section">#</a></h2>
<p><code>--idle</code> sends nothing except answers to the server&#39;s pings, and waits:</p>
<div class="scroll" tabindex="0"><pre><code class="language-console">$ deno task -q probe --idle 90 --profile infoway ws://127.0.0.1:8080/ws/infoway
connected to ws://127.0.0.1:8080/ws/infoway in 9.99 ms, subprotocol none, extensions none
server's control ping 1, after 22.97 s
server's control ping 2, after 52.97 s

--- ws://127.0.0.1:8080/ws/infoway, open for 60.03 s ---
server's control pings: 2, every 30.00 s
server's infoway pings: none
other messages: 2
closed by the other side after 60.03 s (its last frame: 0.01 s before, the probe's: 7.06 s before)
  close frame, code 1008 &quot;Websocket heartbeat timeout&quot;: a decision of the server
  answering its pings did not prevent it</code></pre></div>
<ul>
<li>A close frame: a decision of the server.</li>
<li>TCP closed without a close frame: a proxy&#39;s idle timeout (compare the time with the settings of
the proxy), a server that considered the client dead, or a crash.</li>
<li>TCP reset: a proxy or firewall that dropped the connection from its table, or a crash.</li>
</ul>
<p><code>--idle --mute</code> shows how long a server keeps a client that has vanished.</p>
<h2 id="type-frames">Type frames<a class="anchor" href="#type-frames" aria-label="Link to this section">#</a></h2>
<p><code>--interactive</code> sends no ping by itself. It sends each line of its input as a text message (not an
empty one), prints what comes after <code>&lt;</code>, and answers the server&#39;s pings (with <code>--profile</code> also those
of the profile, which it does not print):</p>
<div class="scroll" tabindex="0"><pre><code class="language-console">$ deno task -q probe --interactive ws://127.0.0.1:8080/ws</code></pre></div>
<p>Ctrl-D ends it. Input from a file or a pipe ends with it, after <code>--timeout</code> for the last answers.</p>
<h2 id="exit-codes">Exit codes<a class="anchor" href="#exit-codes" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>exit code</th><th>meaning</th></tr></thead>
<tbody>
<tr><td>0</td><td>answers came; with <code>--idle</code> and <code>--interactive</code>: the connection was still open at the end</td></tr>
<tr><td>1</td><td>no answer came</td></tr>
<tr><td>2</td><td>the command line is wrong</td></tr>
<tr><td>3</td><td>no connection; stderr says why (refused, name, TLS, HTTP status, no HTTP, timeout) and what to do</td></tr>
<tr><td>4</td><td>the other side ended the connection first</td></tr>
<tr><td>141</td><td>its output was closed (<code>deno task -q probe … | head -2</code>), as of a program that SIGPIPE ends</td></tr>
</tbody>
</table></div>
<p>Ctrl-C prints the summary and exits with the code of what was found until then.</p>
<h2 id="json-output">JSON output<a class="anchor" href="#json-output" aria-label="Link to this section">#</a></h2>
<p>With <code>--json</code> each line is an object with a <code>kind</code>. Times are in ms; an unknown value is <code>null</code>.</p>
<div class="scroll" tabindex="0"><pre><code class="language-jsonl">{&quot;kind&quot;:&quot;open&quot;,&quot;url&quot;:&quot;ws://127.0.0.1:8080/ws&quot;,&quot;handshakeMs&quot;:18.39,&quot;subprotocol&quot;:null,&quot;extensions&quot;:[]}
{&quot;kind&quot;:&quot;answer&quot;,&quot;ping&quot;:&quot;control&quot;,&quot;seq&quot;:1,&quot;rttMs&quot;:6.19}
{&quot;kind&quot;:&quot;summary&quot;,&quot;url&quot;:&quot;ws://127.0.0.1:8080/ws&quot;,&quot;profile&quot;:null,&quot;openMs&quot;:6.73,&quot;sinceSentMs&quot;:6.5,&quot;sinceHeardMs&quot;:0.4,&quot;end&quot;:{&quot;by&quot;:&quot;plan&quot;},&quot;control&quot;:{&quot;sent&quot;:1,&quot;answered&quot;:1,&quot;lost&quot;:0,&quot;lossPercent&quot;:0,&quot;minMs&quot;:6.19,&quot;averageMs&quot;:6.19,&quot;maxMs&quot;:6.19,&quot;deviationMs&quot;:0,&quot;jitterMs&quot;:0},&quot;app&quot;:null,&quot;server&quot;:{&quot;control&quot;:{&quot;count&quot;:0,&quot;periodMs&quot;:null},&quot;app&quot;:{&quot;count&quot;:0,&quot;periodMs&quot;:null}},&quot;strayPongs&quot;:0,&quot;messages&quot;:1}</code></pre></div>
<p><code>ping</code> is <code>control</code> or <code>app</code> (the profile&#39;s). Other kinds are <code>lost</code> (<code>ping</code>, <code>seq</code>), <code>server_ping</code>
(<code>ping</code>, <code>number</code>, <code>atMs</code>), <code>message</code> (<code>text</code>, with <code>--interactive</code>), and, instead of all these,
<code>refused</code> (<code>error</code>: <code>refused</code>, <code>unknown_host</code>, <code>unreachable</code>, <code>timeout</code>, <code>tls</code>, <code>http</code> with
<code>status</code>, <code>not_http</code>, <code>hung_up</code>, <code>handshake</code> or <code>network</code>; <code>message</code>, <code>advice</code>). <code>end.by</code> is <code>plan</code>,
<code>stop</code> (Ctrl-C) or <code>peer</code>. With <code>peer</code>, <code>end.how</code> is <code>close_frame</code> (with <code>code</code>, <code>text</code>), <code>fin</code>,
<code>reset</code>, <code>bad_frame</code> or <code>network</code> (with <code>problem</code>).</p>
</main>
</div>
</body>
</html>
`,
  "comparison": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Comparison · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison" aria-current="page">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#when-to-use-something-else">When to use something else</a></li>
<li class="depth-2"><a href="#when-to-use-this">When to use this</a></li>
<li class="depth-2"><a href="#heartbeats">Heartbeats</a></li>
<li class="depth-2"><a href="#cost">Cost</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Comparison</h1>
<p>What others do better, what they do otherwise, and when to use one of them. The facts about other
systems are from their own documentation, of 2026.</p>
<h2 id="when-to-use-something-else">When to use something else<a class="anchor" href="#when-to-use-something-else" aria-label="Link to this section">#</a></h2>
<ul>
<li><strong>Messages must survive the loss of a disk or a region.</strong> Systole keeps the last messages of a
channel in memory or in <a href="/docs/scaling">Redis</a>, and says when some are missing. A log such as Kafka
or NATS JetStream keeps them for good, and Ably does over regions.</li>
<li><strong>You do not want to run a server.</strong> Ably is a service.</li>
<li><strong>Some clients cannot open a WebSocket at all.</strong> Socket.IO falls back to HTTP long-polling, and
Centrifugo to HTTP streaming and SSE.</li>
<li><strong>You want the application in the same framework.</strong> Phoenix channels and Socket.IO run your code
for each message. Systole carries messages; your code is a client, or calls its
<a href="/docs/http">HTTP routes</a>.</li>
</ul>
<h2 id="when-to-use-this">When to use this<a class="anchor" href="#when-to-use-this" aria-label="Link to this section">#</a></h2>
<ul>
<li>You must know which connections are dead, frozen or cut by a proxy, and why each one ended.</li>
<li>Clients of <a href="/docs/messages">one of the five systems</a> exist already and must not change.</li>
<li>Your client is any WebSocket client: the json profile is plain JSON, and the
<a href="/docs/sdk">client library</a> also works with other servers.</li>
</ul>
<h2 id="heartbeats">Heartbeats<a class="anchor" href="#heartbeats" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>system</th><th>who pings whom, by default</th><th>a dead client is found after at most</th><th>how it is known</th></tr></thead>
<tbody>
<tr><td>Systole</td><td>the hub, at once and every 54 s; its library every 30 s, too</td><td>60.1 s without a stall of the hub; <code>PONG_WAIT_MS</code> sets it</td><td>published in the metrics and tested</td></tr>
<tr><td>Socket.IO</td><td>the server, every 25 s, by messages</td><td>45 s: <code>pingInterval</code> and <code>pingTimeout</code></td><td>from its options</td></tr>
<tr><td>Centrifugo</td><td>the server, every 25 s, by messages</td><td>33 s: <code>ping_interval</code> and <code>pong_timeout</code></td><td>from its options</td></tr>
<tr><td>Phoenix</td><td>the client, every 30 s, by messages</td><td>60 s: the socket&#39;s <code>timeout</code></td><td>from its options</td></tr>
<tr><td>Ably</td><td>the service, every 15 s, to the client</td><td>not published for the service&#39;s side; a client waits 15 s and its request timeout</td><td>from its documentation</td></tr>
</tbody>
</table></div>
<h2 id="cost">Cost<a class="anchor" href="#cost" aria-label="Link to this section">#</a></h2>
<p><a href="/docs/performance">Performance</a> has what a delivery, an upgrade and a quiet connection cost here and
with bare <code>ws</code>, <code>Deno.upgradeWebSocket</code>, Socket.IO and a Go hub on gorilla/websocket, measured in
one run that <code>deno task bench</code> repeats. Centrifugo, Phoenix and Ably were not measured.</p>
</main>
</div>
</body>
</html>
`,
  "performance": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Performance · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance" aria-current="page">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#what-is-measured">What is measured</a></li>
<li class="depth-2"><a href="#the-servers">The servers</a></li>
<li class="depth-2"><a href="#figures">Figures</a></li>
<li class="depth-2"><a href="#targets">Targets</a></li>
<li class="depth-2"><a href="#several-processes">Several processes</a></li>
<li class="depth-3"><a href="#loads">Loads</a></li>
<li class="depth-3"><a href="#setups">Setups</a></li>
<li class="depth-3"><a href="#cluster-figures">Cluster figures</a></li>
<li class="depth-3"><a href="#cluster-targets">Cluster targets</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Performance</h1>
<p>What this server costs beside others, in one run on one machine. The figures of another machine
differ; the ratios differ less. Measure your own:</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">deno task bench
deno task bench --only fanout,storm --servers systole,ws
deno task bench --short</code></pre></div>
<p>The first takes about fifteen minutes and needs Linux, two cores that are otherwise idle, and 20000
open files for a process. <code>--json</code> prints one JSON object with every run, <code>--markdown</code> the table of
this page. <code>--short</code> checks within half a minute that every load arrives at every server, and
measures nothing; the tests run it. <code>--help</code> lists the flags.</p>
<h2 id="what-is-measured">What is measured<a class="anchor" href="#what-is-measured" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>load</th><th>what is done</th><th>figures</th></tr></thead>
<tbody>
<tr><td><code>fanout</code></td><td>a client publishes 128 bytes to 1,000 subscribers; 1, 4 or 16 publications are in flight, that is, not yet received by all</td><td>CPU per delivery</td></tr>
<tr><td><code>openloop</code></td><td>50 publications a second to 1,000 subscribers, on schedule</td><td>latency from the moment a publication was due to each receipt; CPU</td></tr>
<tr><td><code>own</code></td><td>100 clients, each subscribed to a channel of its own, publish there and wait for the delivery</td><td>CPU per message</td></tr>
<tr><td><code>storm</code></td><td>3,000 clients connect, 100 at a time, until each has its <code>welcome</code>; of Socket.IO, until each is connected to its namespace</td><td>upgrades per second, CPU per upgrade</td></tr>
<tr><td><code>idle</code></td><td>5,000 clients stay and answer every ping</td><td>memory per connection, CPU per ping</td></tr>
<tr><td><code>empty</code></td><td>nothing</td><td>CPU</td></tr>
<tr><td><code>growth</code></td><td><code>fanout</code> with 4 in flight to 1,000 and then to 5,000 subscribers</td><td>CPU per delivery to 5,000 / to 1,000</td></tr>
<tr><td><code>churn</code></td><td>5,000 clients connect and go, ten times</td><td>resident memory after the tenth time / after the fifth</td></tr>
</tbody>
</table></div>
<ul>
<li><strong>CPU</strong> is the CPU time of the server&#39;s process, all its threads, as the kernel counts it.</li>
<li><strong>Runs</strong>: each figure is the median of five runs. Where CPU is compared, all servers run, and one
after the other is driven for a second, in an order that rotates, never two at once. Where memory
is read, each server runs alone. <code>churn</code> is measured once, and memory of <code>idle</code> is read five times
from one crowd.</li>
<li><strong>Memory per connection</strong> is what the resident memory has grown by once each of the clients has
been pinged, at a ping period of 25 s. The socket buffers of the kernel are not in it.</li>
<li><strong>CPU per ping</strong> is measured at a ping period of 2 s, to have enough pings within the time; what
the same server used when it was empty is subtracted. A ping of Systole is a control ping, an app
ping and both answers; of Socket.IO an app ping; of the others a control ping.</li>
<li><strong>The load</strong> is a process of its own that writes and parses raw frames. How busy it was is in the
table that <code>deno task bench</code> prints: near 100 % of a core, it and not the server set the pace.</li>
<li>A lost delivery, one too many, or a client that is disconnected fails the load.</li>
</ul>
<h2 id="the-servers">The servers<a class="anchor" href="#the-servers" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>server</th><th>what it is</th></tr></thead>
<tbody>
<tr><td><code>systole</code></td><td>this server by the command of <code>deno task start</code></td></tr>
<tr><td><code>ws</code></td><td>a bare <code>ws</code> server on Deno under the same flags: a broadcast loop, and a timer for each client that pings</td></tr>
<tr><td><code>ws-node</code></td><td>the same file on Node</td></tr>
<tr><td><code>deno</code></td><td><code>Deno.serve</code> and <code>Deno.upgradeWebSocket</code> under the same flags: a broadcast loop; Deno pings by its <code>idleTimeout</code></td></tr>
<tr><td><code>socketio</code></td><td>Socket.IO on Node: a room for each channel, the websocket transport only, otherwise its defaults</td></tr>
<tr><td><code>gorilla</code></td><td>a Go server on gorilla/websocket in the pattern of its chat example: two goroutines for each client, one for the hub</td></tr>
</tbody>
</table></div>
<p>Systole runs with its defaults but <code>HOST</code> and <code>PORT</code>; <code>LOG_LEVEL=error</code>, since the others write no
log; <code>HISTORY_MESSAGES=0</code>, since they keep nothing and the offset of a message is more bytes;
<code>MAX_MESSAGES_PER_SECOND=0</code>, since the publishers send more than 1000 frames a second; and for
<code>idle</code> the <code>PING_PERIOD_MS</code> that all servers get.</p>
<p>The bare servers do less than a hub. For <code>fanout</code>, <code>openloop</code> and <code>growth</code> they pass the published
text on as it is, the same bytes that Systole delivers, and parse and compose nothing. For <code>own</code>
they parse each message and answer with the composed delivery, without channels. They check no
rights, bound no queue (gorilla&#39;s does) and count nothing. Socket.IO parses and composes as Systole
does.</p>
<p>The packages of Node and Go come from npm and the Go module proxy into a temporary folder, when the
bench runs. A server whose programs are not on the machine is named in the output and left out.</p>
<h2 id="figures">Figures<a class="anchor" href="#figures" aria-label="Link to this section">#</a></h2>
<p>AMD EPYC, two cores of a shared machine, Linux 6.18; one run of 717 s with nothing else running on
them. A cell has the median, the range, and what Systole&#39;s median is of this server&#39;s: 0.25 means
that Systole uses a quarter. Of upgrades per second more is better, of all others less.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>measured</th><th>Systole 0.1.0, Deno 2.9.6</th><th>bare ws 8.23.0, Deno 2.9.6</th><th>bare ws 8.23.0, Node 20.20.2</th><th>Deno.upgradeWebSocket, Deno 2.9.6</th><th>Socket.IO 4.8.4, Node 20.20.2</th><th>gorilla/websocket 1.5.3, Go 1.26.8</th></tr></thead>
<tbody>
<tr><td>fan-out to 1,000, 1 in flight: CPU per delivery, µs</td><td>5.90 (5.58..6.90)</td><td>6.57 (5.52..6.82); 0.90</td><td>6.37 (6.32..8.07); 0.93</td><td>5.07 (4.92..6.51); 1.16</td><td>8.67 (7.34..10.01); 0.68</td><td>7.05 (6.80..7.24); 0.84</td></tr>
<tr><td>fan-out to 1,000, 4 in flight: CPU per delivery, µs</td><td>1.76 (1.36..2.18)</td><td>6.24 (5.38..6.40); 0.28</td><td>6.09 (5.72..8.31); 0.29</td><td>5.14 (4.74..5.57); 0.34</td><td>7.88 (5.83..7.93); 0.22</td><td>6.79 (4.73..7.70); 0.26</td></tr>
<tr><td>fan-out to 1,000, 16 in flight: CPU per delivery, µs</td><td>0.45 (0.39..0.60)</td><td>6.37 (5.20..7.63); 0.07</td><td>6.65 (5.21..7.02); 0.07</td><td>5.52 (4.94..6.98); 0.08</td><td>7.20 (6.75..8.41); 0.06</td><td>5.17 (4.74..5.97); 0.09</td></tr>
<tr><td>50 publications/s to 1,000: p50, ms</td><td>5.8 (5.5..6.2)</td><td>5.4 (5.0..5.6); 1.07</td><td>5.4 (5.2..5.8); 1.07</td><td>6.4 (6.0..6.9); 0.90</td><td>6.2 (5.6..7.2); 0.93</td><td>8.3 (7.6..9.0); 0.69</td></tr>
<tr><td>50 publications/s to 1,000: p99, ms</td><td>14.6 (13.4..15.9)</td><td>13.8 (11.9..22.3); 1.06</td><td>14.3 (13.4..16.6); 1.02</td><td>14.5 (14.3..17.9); 1.01</td><td>16.6 (12.7..21.0); 0.88</td><td>15.2 (13.6..18.7); 0.96</td></tr>
<tr><td>50 publications/s to 1,000: CPU per delivery, µs</td><td>8.20 (7.40..9.12)</td><td>7.76 (7.33..7.92); 1.06</td><td>7.83 (7.20..8.28); 1.05</td><td>6.67 (6.03..6.95); 1.23</td><td>10.68 (9.66..12.34); 0.77</td><td>8.60 (8.30..9.94); 0.95</td></tr>
<tr><td>100 clients, a channel each: CPU per message, µs</td><td>10.1 (9.8..11.7)</td><td>9.6 (9.2..11.0); 1.05</td><td>11.4 (10.1..14.0); 0.88</td><td>7.7 (7.5..9.3); 1.30</td><td>13.6 (12.7..17.2); 0.74</td><td>12.1 (11.2..13.5); 0.83</td></tr>
<tr><td>connect storm of 3,000: upgrades, per s</td><td>9660 (8158..10458)</td><td>14925 (14217..16512); 0.65</td><td>14311 (9175..17405); 0.68</td><td>14186 (11917..15690); 0.68</td><td>7569 (4479..8193); 1.28</td><td>13143 (10812..14766); 0.74</td></tr>
<tr><td>connect storm of 3,000: CPU per upgrade, µs</td><td>105 (104..120)</td><td>60 (55..62); 1.75</td><td>69 (51..100); 1.53</td><td>53 (46..57); 1.98</td><td>151 (132..258); 0.70</td><td>71 (63..72); 1.48</td></tr>
<tr><td>5,000 idle: memory per connection, KiB</td><td>11.6 (11.6..11.6)</td><td>7.1 (7.1..7.1); 1.63</td><td>3.7 (3.7..3.7); 3.13</td><td>16.3 (16.3..16.3); 0.71</td><td>10.2 (10.2..10.2); 1.13</td><td>19.8 (19.8..19.8); 0.58</td></tr>
<tr><td>5,000 idle: CPU per ping, µs</td><td>34.7 (27.8..54.2)</td><td>17.2 (12.8..20.4); 2.01</td><td>12.8 (12.3..25.6); 2.70</td><td>16.8 (11.9..21.6); 2.06</td><td>26.1 (21.1..28.5); 1.33</td><td>20.4 (18.6..20.7); 1.70</td></tr>
<tr><td>empty server: CPU, ms per s</td><td>3.11 (2.46..3.23)</td><td>0.00 (0.00..0.00)</td><td>0.00 (0.00..0.00)</td><td>0.00 (0.00..0.00)</td><td>0.00 (0.00..0.00)</td><td>0.00 (0.00..0.00)</td></tr>
<tr><td>1,000 to 5,000 subscribers: growth of CPU per delivery, times</td><td>1.37 (1.19..1.49)</td><td>1.51 (1.05..1.60); 0.91</td><td>1.22 (1.11..1.46); 1.13</td><td>1.57 (1.46..1.73); 0.87</td><td>1.28 (1.17..1.49); 1.07</td><td>1.69 (1.52..1.74); 0.81</td></tr>
<tr><td>5,000 come and go: memory after 10 times / 5, times</td><td>1.01 (1.01..1.01)</td><td>0.96 (0.96..0.96); 1.05</td><td>0.72 (0.72..0.72); 1.41</td><td>0.95 (0.95..0.95); 1.06</td><td>1.19 (1.19..1.19); 0.85</td><td>1.06 (1.06..1.06); 0.96</td></tr>
</tbody>
</table></div>
<p>How to read them:</p>
<ul>
<li>With one publication in flight nothing can be batched. From then on Systole writes what waits for
a client at once, and what many clients have in common only once: more in flight make a delivery
cheaper. A schedule that leaves each publication alone is the case of one in flight.</li>
<li>An upgrade costs 1.75 times a bare one: routing, rights, limits, the health and the records of a
connection are set up, and a wheel takes up its pings.</li>
<li>A ping costs twice a bare one: it is two pings in one write, two answers that are read apart,
round trips are measured, and health is judged.</li>
<li>The empty server wakes up a few times a second for its stall detection; the others only wait.</li>
<li>Memory after clients have come and gone depends on when the collector runs: what matters is that
it does not grow from the fifth to the tenth time by more than a few per cent.</li>
<li>Where two ranges overlap, the servers do not differ. Ratios of separate runs differ by up to a
tenth, and by a fifth beside other work.</li>
</ul>
<h2 id="targets">Targets<a class="anchor" href="#targets" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>figure</th><th>target</th><th>in this run</th><th>result</th></tr></thead>
<tbody>
<tr><td>fan-out to 1,000, 1 in flight: CPU per delivery</td><td>at most 1 of ws</td><td>0.898</td><td>met</td></tr>
<tr><td>fan-out to 1,000, 4 in flight: CPU per delivery</td><td>at most 0.27 of ws</td><td>0.283</td><td>missed</td></tr>
<tr><td>fan-out to 1,000, 16 in flight: CPU per delivery</td><td>at most 0.08 of ws</td><td>0.0708</td><td>met</td></tr>
<tr><td>fan-out to 1,000, 1 in flight: CPU per delivery</td><td>at most 0.92 of gorilla</td><td>0.836</td><td>met</td></tr>
<tr><td>fan-out to 1,000, 4 in flight: CPU per delivery</td><td>at most 0.32 of gorilla</td><td>0.260</td><td>met</td></tr>
<tr><td>fan-out to 1,000, 16 in flight: CPU per delivery</td><td>at most 0.11 of gorilla</td><td>0.0872</td><td>met</td></tr>
<tr><td>50 publications/s to 1,000: p99</td><td>at most 1 of ws</td><td>1.06</td><td>missed</td></tr>
<tr><td>50 publications/s to 1,000: CPU per delivery</td><td>at most 1.02 of ws</td><td>1.06</td><td>missed</td></tr>
<tr><td>100 clients, a channel each: CPU per message</td><td>at most 0.85 of ws</td><td>1.05</td><td>missed</td></tr>
<tr><td>connect storm of 3,000: upgrades</td><td>at least 0.75 of ws</td><td>0.647</td><td>missed</td></tr>
<tr><td>connect storm of 3,000: CPU per upgrade</td><td>at most 1.6 of ws</td><td>1.75</td><td>missed</td></tr>
<tr><td>5,000 idle: memory per connection</td><td>at most 12 KiB</td><td>11.6</td><td>met</td></tr>
<tr><td>5,000 idle: CPU per ping</td><td>at most 1.9 of ws</td><td>2.01</td><td>missed</td></tr>
<tr><td>empty server: CPU</td><td>at most 4 ms per s</td><td>3.11</td><td>met</td></tr>
<tr><td>1,000 to 5,000 subscribers: growth of CPU per delivery</td><td>at most 1.15 times</td><td>1.37</td><td>missed</td></tr>
<tr><td>5,000 come and go: memory after 10 times / 5</td><td>at most 1.05 times</td><td>1.01</td><td>met</td></tr>
</tbody>
</table></div>
<p>What bounds the figures that were missed, as profiles of the server show:</p>
<ul>
<li><strong>Fan-out and open loop</strong>: 82 % of the samples are in the system call that writes to a socket, and
the bare loop makes as many. The hub&#39;s own part is 4 %. A run of these two alone gave 0.94, 0.26
and 0.07 with 1, 4 and 16 in flight.</li>
<li><strong>Own channel</strong>: 53 % are the write, 10 % the read. The bare server answers the sender without a
channel, so that nothing is looked up.</li>
<li><strong>Connect storm</strong>: 30 % are garbage collection, 14 % the write of the handshake&#39;s answer with the
first frames, 6 % the hub&#39;s objects. Without the V8 flags of <code>start</code> an upgrade costs 1.3 times a
bare one, and a connection keeps twice the memory: see <a href="/docs/deploy">Deployment</a>.</li>
<li><strong>Ping</strong>: 35 % are the one write, 20 % the two reads, 12 % garbage collection, 8 % the hub&#39;s own.</li>
<li><strong>Growth</strong>: the bare loop grew by 1.51 in the same run, with the load at 99 % of a core; in a run
of these two servers alone Systole grew by 1.00 and the loop by 1.11.</li>
</ul>
<h2 id="several-processes">Several processes<a class="anchor" href="#several-processes" aria-label="Link to this section">#</a></h2>
<p>What one hub of several processes costs beside one process, in one run:</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">deno task bench:cluster
deno task bench:cluster --only publish,resume --servers one,two-redis</code></pre></div>
<p>It takes about four minutes, starts a Redis of its own (Debian&#39;s <code>redis-server</code>, which keeps its
data in memory alone), has the same flags, and fails as the other does. Setups take turns, each is
driven for a second at a time.</p>
<h3 id="loads">Loads<a class="anchor" href="#loads" aria-label="Link to this section">#</a></h3>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>load</th><th>what is done</th><th>figures</th></tr></thead>
<tbody>
<tr><td><code>fanout</code></td><td>as above, half of the subscribers on each process</td><td>CPU per delivery of all processes, and of Redis</td></tr>
<tr><td><code>throughput</code></td><td>two processes of the load publish to 500 subscribers each, 4 in flight</td><td>deliveries</td></tr>
<tr><td><code>latency</code></td><td>100 publications a second to 10 subscribers, on schedule; the publisher is on one process, all subscribers on the other</td><td>latency, and what it is longer than on one process</td></tr>
<tr><td><code>publish</code></td><td>100 clients, each subscribed to a channel of its own that keeps a history, publish there and wait for the delivery</td><td>CPU per message of all processes, and of Redis</td></tr>
<tr><td><code>resume</code></td><td>1,000 clients that have missed 100 messages each return at once: all to one channel, and each to a channel of its own</td><td>time until the last message, CPU</td></tr>
</tbody>
</table></div>
<h3 id="setups">Setups<a class="anchor" href="#setups" aria-label="Link to this section">#</a></h3>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>setup</th><th>what it is</th></tr></thead>
<tbody>
<tr><td><code>one</code></td><td>one process</td></tr>
<tr><td><code>two-apart</code></td><td>two processes that are no hub, in <code>throughput</code> alone: what two cores cost each other</td></tr>
<tr><td><code>one-redis</code></td><td>one process with Redis</td></tr>
<tr><td><code>two-redis</code></td><td>two processes with Redis</td></tr>
<tr><td><code>workers</code></td><td>one process with <code>WORKERS=2</code>; left out, and named, where the server has no such option</td></tr>
</tbody>
</table></div>
<p>CPU is that of all processes of the hub together; that of Redis has figures of its own. The share of
the busiest thread is of that sum.</p>
<h3 id="cluster-figures">Cluster figures<a class="anchor" href="#cluster-figures" aria-label="Link to this section">#</a></h3>
<p>AMD EPYC, two cores of a shared machine, Linux 6.18, Redis 7.0; one run of 300 s. Other work ran on
them (a load of 5 at its start, of 11 at its end), so times and tails are those of a busy machine;
what is compared ran in turn. A cell has the median, the range, and what it is of one process&#39;s
median.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>measured</th><th>one process</th><th>two processes apart</th><th>one process with Redis</th><th>two processes with Redis</th><th>one process, WORKERS=2</th></tr></thead>
<tbody>
<tr><td>fan-out to 1,000, 1 in flight: CPU of the hub per delivery, µs</td><td>8.19 (7.29..8.69)</td><td>—</td><td>8.30 (7.76..8.97); 1.01</td><td>8.81 (8.39..9.69); 1.08</td><td>8.76 (7.83..9.22); 1.07</td></tr>
<tr><td>fan-out to 1,000, 4 in flight: CPU of the hub per delivery, µs</td><td>2.08 (1.94..2.33)</td><td>—</td><td>2.23 (2.06..2.50); 1.07</td><td>2.32 (2.09..2.58); 1.11</td><td>2.20 (2.11..2.57); 1.05</td></tr>
<tr><td>fan-out to 1,000, 16 in flight: CPU of the hub per delivery, µs</td><td>0.60 (0.54..0.64)</td><td>—</td><td>0.59 (0.58..0.64); 1.00</td><td>0.70 (0.64..0.77); 1.18</td><td>0.63 (0.59..0.69); 1.05</td></tr>
<tr><td>fan-out to 1,000, 4 in flight: CPU of Redis per publication, µs</td><td>—</td><td>—</td><td>57.2 (54.0..60.9)</td><td>64.4 (59.2..66.2)</td><td>—</td></tr>
<tr><td>fan-out to 1,000, 4 in flight: share of the busiest thread, %</td><td>99.4 (99.3..99.9)</td><td>—</td><td>98.6 (96.3..99.2); 0.99</td><td>51.3 (50.9..51.7); 0.52</td><td>50.5 (49.9..50.8); 0.51</td></tr>
<tr><td>2 × 500 subscribers, 4 in flight: deliveries, per ms</td><td>143 (129..315)</td><td>120 (40..386); 0.84</td><td>178 (115..278); 1.24</td><td>110 (86..294); 0.77</td><td>150 (129..340); 1.05</td></tr>
<tr><td>2 × 500 subscribers, 4 in flight: CPU of the hub per delivery, µs</td><td>2.27 (2.07..2.58)</td><td>2.67 (1.96..4.46); 1.18</td><td>2.41 (2.34..2.78); 1.06</td><td>2.87 (2.52..4.50); 1.27</td><td>2.63 (2.13..3.22); 1.16</td></tr>
<tr><td>100 publications/s to 10: p50, ms</td><td>1.84 (1.23..2.24)</td><td>—</td><td>2.56 (2.24..3.94); 1.39</td><td>2.62 (1.84..2.88); 1.43</td><td>2.27 (2.03..2.43); 1.23</td></tr>
<tr><td>100 publications/s to 10: p99, ms</td><td>12.03 (3.94..58.88)</td><td>—</td><td>65.53 (19.20..69.63); 5.45</td><td>12.41 (7.17..40.96); 1.03</td><td>11.13 (3.77..31.49); 0.93</td></tr>
<tr><td>100 publications/s to 10: added p50, ms</td><td>—</td><td>—</td><td>0.72 (0.42..2.42)</td><td>0.64 (0.38..1.04)</td><td>0.59 (0.03..0.88)</td></tr>
<tr><td>100 publications/s to 10: added p99, ms</td><td>—</td><td>—</td><td>19.20 (7.17..62.14)</td><td>8.48 (-51.71..27.39)</td><td>-3.62 (-43.14..27.55)</td></tr>
<tr><td>100 clients publish with history: CPU of the hub, µs</td><td>15.5 (15.1..19.3)</td><td>—</td><td>46.0 (39.1..46.6); 2.96</td><td>55.1 (53.0..85.0); 3.54</td><td>30.0 (26.8..32.6); 1.93</td></tr>
<tr><td>100 clients publish with history: CPU of Redis, µs</td><td>—</td><td>—</td><td>15.5 (11.7..16.9)</td><td>16.6 (12.4..17.2)</td><td>—</td></tr>
<tr><td>1,000 return to one channel: time, ms</td><td>343 (257..579)</td><td>—</td><td>357 (229..539); 1.04</td><td>364 (257..922); 1.06</td><td>462 (278..885); 1.35</td></tr>
<tr><td>1,000 return to one channel: CPU of the hub, ms</td><td>133 (107..160)</td><td>—</td><td>148 (112..208); 1.11</td><td>196 (163..263); 1.47</td><td>210 (201..271); 1.58</td></tr>
<tr><td>1,000 return to one channel: CPU of Redis, ms</td><td>—</td><td>—</td><td>1.4 (0.8..2.1)</td><td>1.7 (1.5..3.1)</td><td>—</td></tr>
<tr><td>1,000 return to a channel each: time, ms</td><td>587 (435..809)</td><td>—</td><td>1700 (1098..3145); 2.90</td><td>1418 (1170..2891); 2.42</td><td>1503 (1208..2482); 2.56</td></tr>
<tr><td>1,000 return to a channel each: CPU of the hub, ms</td><td>260 (237..335)</td><td>—</td><td>659 (622..741); 2.54</td><td>718 (655..837); 2.77</td><td>633 (577..763); 2.44</td></tr>
<tr><td>1,000 return to a channel each: CPU of Redis, ms</td><td>—</td><td>—</td><td>124.8 (120.3..146.4)</td><td>128.5 (120.7..138.3)</td><td>—</td></tr>
</tbody>
</table></div>
<p>How to read them:</p>
<ul>
<li><strong>Two cores cost each other something</strong> without any hub between them: that is <code>two-apart</code>. Both
write to sockets of the same machine at the same time, and each write takes longer. What a hub of
two nodes costs more than that is its own.</li>
<li><strong>Fan-out</strong>: the CPU of Redis is that of one publication, for a thousand deliveries: 3 % of the
hub&#39;s.</li>
<li><strong>Latency</strong>: a message that crosses processes wakes up three more of them. The added p50 is that
way; the tails are waits for a core, of which this machine had none idle.</li>
<li><strong>Publishing</strong> costs more with Redis: a command is made, sent, answered, and what was published is
read and parsed. In flight together it is cheaper: <a href="/docs/capacity#what-things-cost">Capacity</a> has it
alone and in pipelines.</li>
<li><strong>Returning</strong> to one channel reads it once from Redis, for all; to a channel each, once for each.</li>
<li><strong>Threads</strong>: the busiest thread is one of the two that serve clients; the main thread takes the
rest.</li>
</ul>
<h3 id="cluster-targets">Cluster targets<a class="anchor" href="#cluster-targets" aria-label="Link to this section">#</a></h3>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>figure</th><th>target</th><th>in this run</th><th>result</th></tr></thead>
<tbody>
<tr><td>fan-out to 1,000, 1 in flight: CPU of the hub per delivery</td><td>at most 1.15 of one</td><td>1.07</td><td>met</td></tr>
<tr><td>fan-out to 1,000, 4 in flight: CPU of the hub per delivery</td><td>at most 1.15 of one</td><td>1.05</td><td>met</td></tr>
<tr><td>fan-out to 1,000, 4 in flight: share of the busiest thread</td><td>at most 60 %</td><td>50.5</td><td>met</td></tr>
</tbody>
</table></div>
<p>Throughput is a target where the machine has four cores: with two, the load needs the second one.</p>
</main>
</div>
</body>
</html>
`,
  "architecture": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Architecture · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture" aria-current="page">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#folders">Folders</a></li>
<li class="depth-2"><a href="#layers">Layers</a></li>
<li class="depth-2"><a href="#the-way-of-a-frame">The way of a frame</a></li>
<li class="depth-2"><a href="#several-processes">Several processes</a></li>
<li class="depth-2"><a href="#several-threads">Several threads</a></li>
<li class="depth-2"><a href="#where-to-add-things">Where to add things</a></li>
<li class="depth-2"><a href="#decisions">Decisions</a></li>
<li class="depth-2"><a href="#glossary">Glossary</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Architecture</h1>
<p>One process, one event loop. Each connection is a <code>Client</code> with a read pump and a write pump; one
hub actor owns all subscriptions; one timer wheel drives all heartbeats.</p>
<div class="scroll" tabindex="0"><pre><code class="language-text">socket ──▶ read pump ──▶ session.decode ──▶ hub mailbox ──▶ hub ──▶ send queue ──▶ write pump ──▶ socket
              │ frames and pongs are signs of life           │  ▲
              ▼                                              ▼  │ deliver
          heartbeat timer ◀── wheel (pings, deadlines)      broker</code></pre></div>
<p>Waiting goes inward only: the write pump waits for the socket, the read pump waits for the hub&#39;s
mailbox, the hub waits for no client. No client can block another one.</p>
<h2 id="folders">Folders<a class="anchor" href="#folders" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>place</th><th>job</th></tr></thead>
<tbody>
<tr><td><code>main.ts</code></td><td>the process: environment, files, signals, exit code</td></tr>
<tr><td><code>mod.ts</code></td><td>the hub as a library: what a program of your own imports</td></tr>
<tr><td><code>server.ts</code></td><td>the composition root: builds the parts, connects them, listens</td></tr>
<tr><td><code>drain.ts</code></td><td>shutdown</td></tr>
<tr><td><code>hub.ts</code></td><td>the actor: one mailbox, one loop</td></tr>
<tr><td><code>client.ts</code></td><td>one connection: makes its parts, and is the only module that ends it</td></tr>
<tr><td><code>read_pump.ts</code></td><td>the way of a frame from the socket to the hub</td></tr>
<tr><td><code>write_pump.ts</code></td><td>the way of a frame from the send queue to the socket</td></tr>
<tr><td><code>message.ts</code></td><td>what profiles, pumps and hub say to each other: commands, publications, notices</td></tr>
<tr><td><code>close_codes.ts</code></td><td>the tables of close reasons and of rejections</td></tr>
<tr><td><code>hub/</code></td><td>subscription registry, commands, fan-out, replays, presence, load shedder, mailbox probe</td></tr>
<tr><td><code>client/</code></td><td>the connection record, heartbeat timer, tokens, health actions, advice, send queue, close history</td></tr>
<tr><td><code>transport/</code></td><td>listener, upgrade, selection of the profile, the socket port and its implementation with <code>ws</code>, text frames</td></tr>
<tr><td><code>auth/</code></td><td>keys, tokens, tickets, rights, suspension, origins, admission, quotas, rate limits</td></tr>
<tr><td><code>profiles/</code></td><td>the five systems: wire format, credentials, timing</td></tr>
<tr><td><code>liveness/</code></td><td>wheel, heartbeat, pings, round trips, health, liveness states, flight recorder</td></tr>
<tr><td><code>diagnosis/</code></td><td>the cause of a close, idle timeouts on the way</td></tr>
<tr><td><code>metrics/</code></td><td>counters, histograms, the Prometheus exposition</td></tr>
<tr><td><code>logging/</code></td><td>structured logs, written without blocking</td></tr>
<tr><td><code>config/</code></td><td>options, read and checked</td></tr>
<tr><td><code>http/</code></td><td>HTTP routes, their OpenAPI description, these pages</td></tr>
<tr><td><code>brokers/</code></td><td>what processes of a hub share: publications, members, admissions; within the process, or through Redis</td></tr>
<tr><td><code>redis/</code></td><td>connections to Redis, the names of keys</td></tr>
<tr><td><code>stores/</code></td><td>what survives a restart</td></tr>
<tr><td><code>base/</code></td><td>clock, channel, errors, JSON, option values, subnets</td></tr>
<tr><td><code>sdk/</code></td><td>the client library; it imports nothing else of the server</td></tr>
<tr><td><code>threads/</code></td><td>several threads as one hub: the main thread&#39;s part, and a thread&#39;s</td></tr>
<tr><td><code>web/</code></td><td>the live page</td></tr>
<tr><td><code>cli/</code></td><td><code>deno task key</code>, <code>probe</code>, and the builds</td></tr>
<tr><td><code>ops/</code></td><td>alert rules, their tests, a Grafana dashboard</td></tr>
<tr><td><code>docs/</code></td><td>these manuals and their built pages</td></tr>
</tbody>
</table></div>
<h2 id="layers">Layers<a class="anchor" href="#layers" aria-label="Link to this section">#</a></h2>
<p>A module imports from its own folder or from a lower layer; there are no import cycles.
<code>tests/architecture_test.ts</code> checks both, and a test compares this table with it. The lowest layer
is the first.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>layer</th><th>places</th></tr></thead>
<tbody>
<tr><td>1</td><td><code>base/</code></td></tr>
<tr><td>2</td><td><code>message.ts</code>, <code>close_codes.ts</code></td></tr>
<tr><td>3</td><td><code>liveness/</code></td></tr>
<tr><td>4</td><td><code>logging/</code>, <code>redis/</code>, <code>metrics/</code>, <code>diagnosis/</code></td></tr>
<tr><td>5</td><td><code>stores/</code></td></tr>
<tr><td>6</td><td><code>brokers/</code></td></tr>
<tr><td>7</td><td><code>auth/</code></td></tr>
<tr><td>8</td><td><code>profiles/</code></td></tr>
<tr><td>9</td><td><code>config/</code></td></tr>
<tr><td>10</td><td><code>transport/</code></td></tr>
<tr><td>11</td><td><code>hub/</code>, <code>hub.ts</code></td></tr>
<tr><td>12</td><td><code>client/</code>, <code>client.ts</code>, <code>read_pump.ts</code>, <code>write_pump.ts</code></td></tr>
<tr><td>13</td><td><code>sdk/</code></td></tr>
<tr><td>14</td><td><code>http/</code></td></tr>
<tr><td>15</td><td><code>web/</code></td></tr>
<tr><td>16</td><td><code>server.ts</code>, <code>drain.ts</code></td></tr>
<tr><td>17</td><td><code>threads/</code></td></tr>
<tr><td>18</td><td><code>main.ts</code>, <code>mod.ts</code>, <code>cli/</code></td></tr>
</tbody>
</table></div>
<h2 id="the-way-of-a-frame">The way of a frame<a class="anchor" href="#the-way-of-a-frame" aria-label="Link to this section">#</a></h2>
<p>A json client publishes; all subscribers of the channel receive. &quot;Allocated&quot; lists what the server&#39;s
own code allocates, without what <code>ws</code> and <code>node:net</code> allocate inside.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>hop</th><th>function</th><th>what happens</th><th>allocated</th></tr></thead>
<tbody>
<tr><td>1</td><td><code>transport/ws_socket.ts</code> <code>attach()</code>, <code>frame_counter.ts</code> <code>count()</code></td><td>counts continuation frames; <code>ws</code> parses the bytes and emits each complete message</td><td>nothing</td></tr>
<tr><td>2</td><td><code>read_pump.ts</code> <code>message()</code>, <code>#admit()</code></td><td>sign of life where the profile counts frames as one (<code>heartbeat.touch()</code>), flood limit (<code>RateLimit.take()</code>), <code>counters.received()</code>, <code>health.message()</code>; after decoding, the quota of the key (not for heartbeats)</td><td>nothing: numbers change</td></tr>
<tr><td>3</td><td><code>profiles/json/json.ts</code> <code>decode()</code></td><td><code>base/json_scanner.ts</code> checks the bytes and finds the members, which become a command; no I/O, no exception leaves it</td><td>the texts of the members that are read, <code>data</code> as it was written; one argument object, the command; the acknowledgement&#39;s text if the client asked for one</td></tr>
<tr><td>4</td><td><code>read_pump.ts</code> <code>#authorize()</code>, <code>auth/rights.ts</code> <code>mayPublish()</code></td><td>checks the rights</td><td>nothing</td></tr>
<tr><td>5</td><td><code>read_pump.ts</code> <code>#tell()</code>, <code>hub.ts</code> <code>tell()</code>, <code>base/channel.ts</code> <code>send()</code></td><td>puts the command into the mailbox; if that is full, the pump pauses the socket</td><td>the message <code>{ kind, subscriber, command }</code></td></tr>
<tr><td>6</td><td><code>hub.ts</code> <code>run()</code>, <code>#dispatch()</code></td><td>takes messages in order of arrival; while the readers of a channel are behind, <code>hub/publish_gate.ts</code> and <code>hub/held_commands.ts</code> hold what is published there</td><td>one promise each time the mailbox was empty, not for each message</td></tr>
<tr><td>7</td><td><code>hub/commands.ts</code> <code>execute()</code>, <code>#publish()</code>, <code>broadcast()</code></td><td>stamps the publication and hands it to the broker</td><td>the publication</td></tr>
<tr><td>8</td><td><code>brokers/memory.ts</code> <code>publish()</code></td><td>keeps it and gives it its offset (<code>memory_history.ts</code>), calls back the hub of this process; <code>brokers/redis.ts</code> carries it <a href="#several-processes">to all nodes</a></td><td>nothing</td></tr>
<tr><td>9</td><td><code>hub/fan_out.ts</code> <code>deliver()</code>, <code>transport/text_frame.ts</code> <code>textFrame()</code></td><td>each profile makes one text and one frame, which all its receivers share</td><td>one <code>Map</code>; for each profile one text and one <code>Buffer</code></td></tr>
<tr><td>10</td><td><code>write_pump.ts</code> <code>enqueue()</code>, <code>client/send_queue.ts</code> <code>wouldExceed()</code>, <code>add()</code></td><td>for each receiver: bounds, budget (<code>hub/load_shedder.ts</code>), counters; marks the pump for the end of the turn, or of the flush window</td><td>nothing but growth of the queue&#39;s array</td></tr>
<tr><td>11</td><td><code>write_pump.ts</code> <code>Flusher</code>, <code>flush()</code>, <code>#start()</code>, <code>send_queue.ts</code> <code>take()</code></td><td>at their end each marked pump takes one batch</td><td>one array for each pump; one joined <code>Buffer</code> for several frames, shared by pumps with the same frames; one frame is written as it is</td></tr>
<tr><td>12</td><td><code>transport/ws_socket.ts</code> <code>write()</code>, then <code>write_pump.ts</code> <code>#drained()</code></td><td>one write to TCP for each receiver; when it has drained, the next batch may start</td><td>nothing: the callback was made with the pump</td></tr>
</tbody>
</table></div>
<p>The acknowledgement to the publisher is one more frame (<code>hub/commands.ts</code> <code>#send()</code>). It takes hops
10 to 12 by <code>answer()</code> instead of <code>enqueue()</code>: no flush window holds it.</p>
<p><code>client.ts</code> has no hop: it makes the parts of a connection and ends it. Of it, a frame reads only
whether the connection is closing. Control pings, and the pongs that answer a peer&#39;s pings, do not
go through the send queue. The wheel calls the <code>HeartbeatTimer</code> of a connection when something is
due: a ping, a missed heartbeat, the deadline, or the expiry of a token.</p>
<h2 id="several-processes">Several processes<a class="anchor" href="#several-processes" aria-label="Link to this section">#</a></h2>
<p>With <code>REDIS_URL</code> each process is a node: a hub of its own, with <code>RedisBroker</code> in place of
<code>MemoryBroker</code>. No node knows another one&#39;s connections; all that they share is in Redis.</p>
<div class="scroll" tabindex="0"><pre><code class="language-text">hub A ──▶ redis.ts publish ──▶ one script: repeat? position, XADD, PUBLISH ──▶ redis_engine.ts ──▶ redis_channels.ts ──▶ hub A
                                    │                                     └──▶ (node B) ────────▶ redis_channels.ts ──▶ hub B
                                    └──▶ stream of the channel ◀── redis_reader.ts: what is missing</code></pre></div>
<ul>
<li><code>redis_scripts.ts</code> has what must be one step. A position belongs to one run of the primary.</li>
<li><code>redis_engine.ts</code> owns the two connections to a primary, and knows whether they work: a probe
takes the way through pub/sub every second. <code>redis_engines.ts</code> has one engine for each primary.</li>
<li><code>redis_channels.ts</code> keeps up a log of each channel (<code>log_cache.ts</code>) that the hub has subscribers
for. A message that does not follow the newest one of the log makes it read the stream; what comes
meanwhile is held. So a replay reads a log that is live, on every node.</li>
<li>A publication has no id of its node&#39;s making, since nothing repeats one. No command is sent twice
(<code>redis/connection.ts</code>): one that was not written is sent again, one that was written and not
answered is refused, and its publisher repeats it under its own key, which the script knows. Of
two connections that carry a channel for a moment, after a failover, one counts
(<code>redis_channels.ts</code> <code>receive()</code>).</li>
<li><code>redis_peers.ts</code> asks and tells other nodes, and knows by their leases which are alive.
<code>redis_members.ts</code> tells them which members a node has. <code>http/whole_hub.ts</code> puts the answers to
requests together.</li>
<li><code>redis_limits.ts</code> adds up the connections of a key, and gives out its messages a minute in shares
(<code>auth/shared_quota.ts</code>): a frame takes one of the share that its node has. Where the next share
is not there yet, the read pump reads no more until it is.</li>
<li><code>redis_admission_rate.ts</code> asks Redis for each admission, in the time of Redis; while it is away,
each node admits its share.</li>
<li><code>stores/redis.ts</code> has what must survive: tickets, suspensions.</li>
</ul>
<p><code>BROKER_REQUIRED</code>, <code>degraded</code> and gaps are in <a href="/docs/delivery#while-redis-is-away">Delivery</a>.</p>
<h2 id="several-threads">Several threads<a class="anchor" href="#several-threads" aria-label="Link to this section">#</a></h2>
<p>With <code>WORKERS</code> the main thread serves no clients. <code>threads/start_threads.ts</code> starts the threads:
each runs <code>main.ts</code> in a worker, which is then <code>threads/thread.ts</code>, a whole node (<code>startNode()</code>).</p>
<div class="scroll" tabindex="0"><pre><code class="language-text">hub 1 ──▶ hosted_broker.ts publish ──▶ port ──▶ hub_host.ts: repeat? offset, history ──▶ port ──▶ hosted_broker.ts ──▶ hub 1
                                                     └─────────────────────────────────▶ port ──▶ hosted_broker.ts ──▶ hub 2</code></pre></div>
<ul>
<li><code>port_link.ts</code> is one end of the port between the main thread and a thread. What is sent in one
turn is one message; each end acknowledges what it has handled, and so what waits is bounded. A
thread can <code>ask()</code> the main thread about a topic that is served there (<code>serve()</code>): so a port that
all nodes share needs one line at each end.</li>
<li><code>hub_host.ts</code> places publications, and sends each thread what that one has subscribers for; its
own are only acknowledged, since it has them. A thread that is behind is skipped until it has
caught up.</li>
<li><code>hosted_broker.ts</code>, <code>hosted_members.ts</code>, <code>hosted_nodes.ts</code> and <code>hosted_store.ts</code> are the ports of
a node, whose other end is the main thread. As with Redis, a thread has a log (<code>log_cache.ts</code>) of
the channels that it has subscribers for.</li>
<li><code>supervisor.ts</code> probes each thread once a second, and starts another in the place of one that has
ended.</li>
<li><code>metrics/sums.ts</code> adds up what the threads have counted; the answer to a probe is what is kept of
a thread that ends.</li>
</ul>
<h2 id="where-to-add-things">Where to add things<a class="anchor" href="#where-to-add-things" aria-label="Link to this section">#</a></h2>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>to add</th><th>change</th></tr></thead>
<tbody>
<tr><td>a profile</td><td>a folder in <code>profiles/</code> with its <code>Profile</code> and its <code>definition.ts</code> (name, timing, options), and a line in <code>profiles/registry.ts</code>; the prefix of its options (<code>NAME_*</code>) in <code>--allow-env</code> of <code>deno.json</code>; in <code>sdk/</code>, its name in <code>options.ts</code> and its frames in <code>profiles.ts</code>, if the client library speaks it; golden frames in <code>tests/fixtures/</code>; a row in <code>README.md</code>, a section in <code>server/docs/messages.md</code>, the rows that <code>server/docs/options.md</code> lacks</td></tr>
<tr><td>a metric</td><td>one entry in <code>metrics/table.ts</code>, in the part where its value comes from; where a counter counts, <code>counts.name++</code>; a panel in <code>ops/dashboard.json</code>; a row in <code>server/docs/metrics.md</code></td></tr>
<tr><td>an option</td><td>one entry in <code>config/options.ts</code>, in <code>auth/options.ts</code>, or in a profile&#39;s <code>definition.ts</code>; it is then in <code>Config</code> in camel case (limits in <code>Config.limits</code>), and <code>server.ts</code> passes it to the part that needs it; its name in <code>--allow-env</code> of <code>deno.json</code> if no pattern there matches; a row in <code>server/docs/options.md</code>. Where it listens and how large queues are depends on several options: <code>config/config.ts</code> and <code>config/limits.ts</code></td></tr>
<tr><td>a close reason</td><td>one row in <code>CLOSE_TABLE</code> of <code>close_codes.ts</code>, and its sentence in <code>web/close_explanations.ts</code>, without which the types do not fit; a row in <code>server/docs/liveness.md</code> and the code in <code>README.md</code></td></tr>
<tr><td>an HTTP route</td><td>one file in <code>http/</code> with its description, and a line in <code>http/routes.ts</code>; a row in <code>server/docs/http.md</code></td></tr>
</tbody>
</table></div>
<p>After a change of the client library, of the page or of a manual run <code>deno task build</code>. Tests
compare the committed builds with their sources and the tables of the manuals with the code: they
name what is missing.</p>
<p>The bench measures what that costs, beside other servers in the same run
(<a href="/docs/performance">Performance</a>):</p>
<div class="scroll" tabindex="0"><pre><code class="language-sh">deno task bench</code></pre></div>
<h2 id="decisions">Decisions<a class="anchor" href="#decisions" aria-label="Link to this section">#</a></h2>
<ul>
<li><strong><code>ws</code> over <code>node:http</code>, not <code>Deno.upgradeWebSocket</code></strong>: Deno&#39;s own WebSocket has neither <code>ping()</code>
nor a pong event, and its <code>close()</code> to a dead peer never completes.</li>
<li><strong>One write for each client and turn</strong>: what is queued during a turn of the event loop leaves in
one socket write at its end, and clients with the same frames to write share one buffer.</li>
<li><strong>A flush window holds broadcasts alone</strong>: with <code>FLUSH_WINDOW_MS</code> a publication or relayed text
waits for the end of the window. Answers, app pings, the first frames of a connection and closes
do not: they leave at the end of their turn, or at once, and take along in order what was held. So
no round trip is measured too long. What is held leaves sooner when 64 KiB or half a queue waits
for its client, or a quarter of <code>QUEUE_BUDGET_BYTES</code> for all, since publishers wait for their
readers from half of either on.</li>
<li><strong>The write pump has no loop</strong>: awaiting each batch instead costs 25 % more CPU for each delivery.</li>
<li><strong>A replay is a cursor</strong>: who catches up reads the shared history as its socket drains, and the
fan-out leaves it out until it has met the newest message. So a replay takes no memory for each
message, and never fills more than half a send queue, from where on publishers wait.</li>
<li><strong>The hub waits for no broker</strong>: an answer of the Broker port is there at once, or it is a promise
whose outcome comes back as a message in the mailbox. Until then the subscription is left out of
the fan-out, and other commands of its client go on. In one process every answer is there at once,
without a promise.</li>
<li><strong>One wheel, no timer for each client</strong>: reading a frame changes a number.</li>
<li><strong>Profiles are sans-I/O</strong>: a profile reads no clock and touches no socket, so one suite of tests
covers all five.</li>
<li><strong>A metric on the frame path is a number</strong>: the exposition reads the numbers when it is asked.</li>
</ul>
<h2 id="glossary">Glossary<a class="anchor" href="#glossary" aria-label="Link to this section">#</a></h2>
<p>Each word is used in the code as it is written here; a test checks that.</p>
<div class="scroll" tabindex="0"><table>
<thead><tr><th>word</th><th>meaning</th></tr></thead>
<tbody>
<tr><td><code>Hub</code></td><td>the actor that owns all subscriptions and delivers publications</td></tr>
<tr><td><code>HubMessage</code></td><td>a message in the hub&#39;s mailbox</td></tr>
<tr><td><code>Command</code></td><td>what a frame asks of the hub: subscribe, unsubscribe, publish, history, presence, relay, reply</td></tr>
<tr><td><code>Publication</code></td><td>what was published on a channel: channel, data, time, publisher</td></tr>
<tr><td><code>channel</code></td><td>the name under which clients publish and subscribe; tank calls it a topic</td></tr>
<tr><td><code>Subscriber</code></td><td>a connection as the hub sees it</td></tr>
<tr><td><code>SubscriptionRegistry</code></td><td>which connection is subscribed to which channel</td></tr>
<tr><td><code>Broker</code></td><td>carries publications between hubs; in one process, from a hub to itself</td></tr>
<tr><td><code>ChannelHistory</code></td><td>the position and the kept messages of one channel</td></tr>
<tr><td><code>Position</code></td><td>a place in a channel&#39;s history: an epoch and an offset</td></tr>
<tr><td><code>RedisEngine</code></td><td>the two connections of a node to a primary of Redis, and whether they work</td></tr>
<tr><td><code>Nodes</code></td><td>what the processes of a hub ask and tell each other</td></tr>
<tr><td><code>Leases</code></td><td>which nodes are alive, by counters that they raise</td></tr>
<tr><td><code>AdmissionRate</code></td><td>how many sessions the whole hub begins a second, and when clients that are sent away may come back</td></tr>
<tr><td><code>slot</code></td><td>when one of them may come back: the hub has room for it then</td></tr>
<tr><td><code>SharedMembers</code></td><td>which members of channels the other nodes have</td></tr>
<tr><td><code>SharedLimits</code></td><td>the limits of keys that hold for all nodes together</td></tr>
<tr><td><code>PortLink</code></td><td>one end of the port between the main thread and a thread</td></tr>
<tr><td><code>HubHost</code></td><td>what the main thread keeps for the hubs of all threads</td></tr>
<tr><td><code>Supervisor</code></td><td>starts threads, probes them, and starts others in their place</td></tr>
<tr><td><code>Gap</code></td><td>messages of a channel may be missing, and where it goes on</td></tr>
<tr><td><code>Joins</code></td><td>subscriptions that wait for the broker&#39;s answer</td></tr>
<tr><td><code>Replays</code></td><td>subscriptions that read what they missed, until they are live</td></tr>
<tr><td><code>Presence</code></td><td>who is on a channel</td></tr>
<tr><td><code>Member</code></td><td>a user and a name on a channel, with one or several connections</td></tr>
<tr><td><code>Client</code></td><td>one connection: makes its parts and ends it</td></tr>
<tr><td><code>Connection</code></td><td>the record of a connection that pumps, timer and hub share</td></tr>
<tr><td><code>ReadPump</code></td><td>takes frames from the socket to the hub</td></tr>
<tr><td><code>WritePump</code></td><td>takes frames from the send queue to the socket</td></tr>
<tr><td><code>SendQueue</code></td><td>the bounded queue of frames for one peer, and the judgement that the peer reads too slowly</td></tr>
<tr><td><code>Flusher</code></td><td>flushes write pumps at the end of a turn of the event loop, or of the flush window</td></tr>
<tr><td><code>LoadShedder</code></td><td>closes the connections with the largest queues while all queues together exceed <code>QUEUE_BUDGET_BYTES</code></td></tr>
<tr><td><code>Profile</code></td><td>one heartbeat system: routes, credentials, wire format, timing</td></tr>
<tr><td><code>ProtocolSession</code></td><td>the state of one connection in its profile; decodes frames, makes answers</td></tr>
<tr><td><code>Credential</code></td><td>what a request presents: a key, a token, a ticket</td></tr>
<tr><td><code>Grant</code></td><td>what the hub makes of a valid credential: the key&#39;s id, its rights, its expiry</td></tr>
<tr><td><code>Rights</code></td><td>on which channels a connection may publish and subscribe</td></tr>
<tr><td><code>UpgradeRequest</code></td><td>an HTTP request that asks for a WebSocket</td></tr>
<tr><td><code>Wheel</code></td><td>the one timer of all connections; ticks every 25 ms while something is due, and measures stalls</td></tr>
<tr><td><code>TimerTask</code></td><td>what the wheel calls when it is due</td></tr>
<tr><td><code>HeartbeatTimer</code></td><td>sends pings and ends connections past their deadline, called by the wheel</td></tr>
<tr><td><code>Heartbeat</code></td><td>the deadline and the missed pings of one connection; pure</td></tr>
<tr><td><code>pongWaitMs</code></td><td>a connection without a sign of life for this long expires</td></tr>
<tr><td><code>pingPeriodMs</code></td><td>from one ping to the next</td></tr>
<tr><td><code>missedHeartbeats</code></td><td>pings in a row without an answer that end a connection</td></tr>
<tr><td><code>touch</code></td><td>counts a sign of life</td></tr>
<tr><td><code>stall</code></td><td>a delay of the server&#39;s own event loop; never counted as silence</td></tr>
<tr><td><code>Liveness</code></td><td>whether transport and application of a connection answer: alive, frozen, stripped, silent, dead</td></tr>
<tr><td><code>ConnectionHealth</code></td><td>what is measured of one connection: round trips, status, liveness, last events</td></tr>
<tr><td><code>HealthActions</code></td><td>what follows from a change of health: logs, advice, more pings</td></tr>
<tr><td><code>FlightRecorder</code></td><td>the last 64 liveness events of a connection</td></tr>
<tr><td><code>CloseReason</code></td><td>what the server did when a connection ended</td></tr>
<tr><td><code>Cause</code></td><td>why a connection ended</td></tr>
<tr><td><code>RejectionReason</code></td><td>why an upgrade was rejected</td></tr>
<tr><td><code>IdleTimeoutDetector</code></td><td>recognizes proxies that cut idle connections</td></tr>
</tbody>
</table></div>
</main>
</div>
</body>
</html>
`,
  "contributing": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Contributing · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing" aria-current="page">Contributing</a></li>
<li><a href="/docs/changelog">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#make-a-change">Make a change</a></li>
<li class="depth-2"><a href="#conventions">Conventions</a></li>
<li class="depth-2"><a href="#report-a-fault">Report a fault</a></li>
<li class="depth-2"><a href="#release">Release</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Contributing</h1>
<h2 id="make-a-change">Make a change<a class="anchor" href="#make-a-change" aria-label="Link to this section">#</a></h2>
<ol>
<li>Read <a href="/docs/architecture">Architecture</a>: its table &quot;Where to add things&quot; names the files.</li>
<li>Write the test that fails. Time in tests is virtual (<code>tests/support/fakes/</code>); a test of a server
process waits for what it reads with <code>until()</code>, it never sleeps.</li>
<li>Make the change. <code>deno task test:unit</code> takes a minute and needs nothing but Deno.</li>
<li><code>deno task build</code> after a change to the client library, the page or a manual: the builds are
committed, and a test compares them with their sources.</li>
<li><code>deno task sim</code> after a change of the server or the client library: it runs both for a minute in
bad weather on virtual time, and a seed replays what it finds (<code>tests/simulation/README.md</code>).</li>
<li>After a change of the Redis broker: five minutes of faults at random, with a <code>CHAOS_SEED</code> of your
choice, by <code>CHAOS_MS=300000 deno test --allow-all tests/integration/chaos_test.ts</code>.</li>
<li><code>deno task ok</code> before each commit. It needs Chromium and the programs that it names if they are
missing. CI runs the same by <code>.ci/run</code>, and a smoke test on the oldest supported Deno.</li>
</ol>
<h2 id="conventions">Conventions<a class="anchor" href="#conventions" aria-label="Link to this section">#</a></h2>
<ul>
<li>Code, comments, logs and manuals use plain technical English and the words of the
<a href="/docs/architecture#glossary">glossary</a>.</li>
<li>A commit subject says the effect in the imperative, with <code>feat:</code>, <code>fix:</code>, <code>docs:</code> or <code>test:</code> and
at most 72 characters; the body says why, with figures.</li>
<li>An error message says what was wrong, where, and what to do.</li>
<li>What is dropped is counted and logged.</li>
<li>The frame path has no allocation, closure, timer or promise that a measurement does not excuse:
<code>deno task bench</code> <a href="/docs/performance">compares</a> with bare <code>ws</code> and others in the same run.</li>
<li>A manual&#39;s claim is tested: tables against the code, each fenced block by its language
(<code>tests/docs/</code>).</li>
</ul>
<h2 id="report-a-fault">Report a fault<a class="anchor" href="#report-a-fault" aria-label="Link to this section">#</a></h2>
<p>Add the connection&#39;s line of <code>GET /api/v1/closed</code> (reason, cause, last events), the <code>listening</code> line
of the log, and, from the client&#39;s side, what <code>deno task probe &lt;url&gt;</code> prints. For a fault that
others could use against a hub, write to the owner of the repository and not into a public issue.</p>
<h2 id="release">Release<a class="anchor" href="#release" aria-label="Link to this section">#</a></h2>
<ol>
<li>Set <code>version</code> in <code>deno.json</code>, and add a section to the <a href="/docs/changelog">changelog</a>.</li>
<li><code>deno task build</code>: the package of the client library has the version, too.</li>
<li><code>deno task ok</code>, commit, tag <code>v&lt;version&gt;</code>.</li>
</ol>
</main>
</div>
</body>
</html>
`,
  "changelog": `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Changelog · Systole</title>
<link rel="icon" href="/web/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/docs.css">
</head>
<body>
<a class="skip" href="#manual">Skip to the manual</a>
<header>
<p class="brand"><a href="/"><img src="/web/icon.svg" alt="" width="22" height="22">Systole</a></p>
<p><a href="/">Live page</a></p>
</header>
<div class="columns">
<nav class="manuals" aria-label="Manuals">
<ul>
<li><a href="/docs">Manuals</a></li>
<li><a href="/docs/messages">Messages</a></li>
<li><a href="/docs/delivery">Delivery</a></li>
<li><a href="/docs/keys">Keys, rights and limits</a></li>
<li><a href="/docs/options">Options</a></li>
<li><a href="/docs/deploy">Deployment</a></li>
<li><a href="/docs/scaling">One process or several</a></li>
<li><a href="/docs/capacity">Capacity</a></li>
<li><a href="/docs/liveness">Liveness and health</a></li>
<li><a href="/docs/metrics">Metrics and alerts</a></li>
<li><a href="/docs/http">HTTP routes and the live page</a></li>
<li><a href="/docs/sdk">Client library</a></li>
<li><a href="/docs/recipes">Recipes</a></li>
<li><a href="/docs/probe">Probe</a></li>
<li><a href="/docs/comparison">Comparison</a></li>
<li><a href="/docs/performance">Performance</a></li>
<li><a href="/docs/architecture">Architecture</a></li>
<li><a href="/docs/contributing">Contributing</a></li>
<li><a href="/docs/changelog" aria-current="page">Changelog</a></li>
</ul>
</nav>
<nav class="contents" aria-labelledby="contents-title">
<p id="contents-title">On this page</p>
<ul>
<li class="depth-2"><a href="#010">0.1.0</a></li>
</ul>
</nav>
<main id="manual" tabindex="-1">
<h1>Changelog</h1>
<p>What changed for clients and operators. The version is in <code>deno.json</code>; the hub tells it in the log,
in the header <code>Systole-Version</code> of <code>/healthz</code> and in <code>systole_build_info</code>. Before 1.0 a minor
version may change options, metrics and the HTTP routes; the five wire formats do not change.</p>
<h2 id="010">0.1.0<a class="anchor" href="#010" aria-label="Link to this section">#</a></h2>
<p>The first version. Its parts:</p>
<ul>
<li><p><strong>Hub</strong>: five profiles (json, events-hub, infoway, tank, talo), publish and subscribe across them,
send queues with a bound for each client and one for all, a flush window for publications,
publishers that wait for slow subscribers, a drain with spread reconnects.</p>
</li>
<li><p><strong>Liveness</strong>: protocol and app pings, a published and tested detection bound, stalls of the server
left out, frozen and stripped clients told apart, idle timeouts of proxies found, one close reason
and one cause for each connection.</p>
</li>
<li><p><strong>Keys</strong>: API keys, JWT, tickets, rights by channel pattern, limits by connection, key and
address, suspension.</p>
</li>
<li><p><strong>Client library</strong>: <code>HeartbeatSocket</code> for the five profiles and for any other server, served as a
module and as a package.</p>
</li>
<li><p><strong>Tools</strong>: live page, HTTP API with an OpenAPI document, Prometheus metrics, alert rules, a
dashboard, the probe, one-file programs by <code>deno task compile</code>.</p>
</li>
<li><p><strong>History</strong>: the last messages of each channel, in memory; a json client that returns gets what it
missed (<code>since</code>, <code>last</code>, <code>recovered</code>, <code>gap</code>), <code>history</code> over the socket and HTTP.</p>
</li>
<li><p><strong>Presence</strong>: who is on a channel (<code>presence</code>, <code>member</code>, <code>info</code>; <code>joined</code>, <code>left</code>, <code>members</code>),
over the socket and HTTP; a member that returns within <code>PRESENCE_GRACE_MS</code> has not left.</p>
</li>
<li><p><strong>Publishing once</strong>: a publication that is repeated with its <code>id</code> (and <code>session</code>) is delivered
once within <code>DEDUPE_MS</code>; over HTTP, too, which also takes lists.</p>
</li>
<li><p><strong>Moves</strong>: a json client that is advised to reconnect can make the new connection before it closes
the old one (<code>?replaces=</code>), also at a limit by key or address; the client library does.</p>
</li>
<li><p><strong>Slots</strong>: the whole hub begins <code>ADMISSION_PER_SECOND</code> sessions a second; clients beyond that are
told when to come back (1013), and so are those of a process that drains. Before that it advises
its json clients to move, whose time is there; the others are closed (1012) at their slots or with
them.</p>
</li>
<li><p><strong>Several processes</strong>: with <code>REDIS_URL</code> all processes on one Redis, Sentinel or Cluster are one
hub: publications, history, resume, repeats, members, tickets, suspensions, limits of keys, and
the lists of the API. <code>BROKER_REQUIRED</code>, <code>degraded</code> in answers to publications and in <code>/readyz</code>,
<code>systole_broker_</code> metrics; a <code>gap</code> may come at any time. <code>server/ops/</code> has a systemd unit, an
nginx configuration and a compose file for several of them.</p>
</li>
<li><p><strong>Several threads</strong>: with <code>WORKERS=n</code> one process has n threads on one port that are one hub, on
Linux. What fails in a thread ends that thread alone. <code>systole_thread</code> metrics.</p>
</li>
</ul>
<p>Changes while it was made that may matter to those who run an early copy:</p>
<ul>
<li>events-hub&#39;s read deadline is 65 s (was 45 s); <code>message</code> of a publication is what its publisher
says.</li>
<li>A key without a market and an unknown market get 404 in infoway&#39;s form.</li>
<li>A new connection is pinged at once, not after the first ping period.</li>
<li><code>MAX_UPGRADES_PER_SECOND</code> is four times <code>ADMISSION_PER_SECOND</code> by default (was off). A drain
closes a client that was advised to move (<code>reconnect</code>) a second after the time that it was told
(was at once).</li>
<li>The client library comes back at the time that a close with <code>drain</code> or <code>overload</code> names, without a
random wait on top.</li>
<li>A connection without a whole request is cut after <code>REQUEST_WAIT_MS</code>.</li>
<li><code>POST /api/v1/publish</code> and <code>publish</code> may answer <code>busy</code> (HTTP 429) while a channel&#39;s subscribers
are behind.</li>
<li>The client library convicts no server that has never answered a heartbeat.</li>
<li>The client library resumes: on a hub with history it asks after a reconnect for what it missed,
drops what came twice, and fires <code>recovered</code> or <code>gap</code>. <code>subscribe()</code> returns a subscription with
its own listeners. After too many attempts it sleeps until the network or the page is back, or
<code>reconnect()</code> is called; before, it was closed for good and dropped its messages.
<code>closeEvents: &quot;final&quot;</code> leaves out the <code>close</code> and <code>error</code> events of a reconnect.</li>
<li><code>publish()</code> of the client library returns a promise of the position, and sends again what had no
answer. Its answers, and those to <code>history()</code> and <code>presence()</code>, are no <code>message</code> events. A
subscription that the hub ends (<code>forbidden</code>) is over.</li>
<li><code>/metrics</code> has the CPU, memory and start time of the process.</li>
<li>Payloads arrive as they were written: large numbers, <code>1e400</code>, <code>-0</code>, <code>1.0</code>, escapes, repeated and
escaped members of <code>data</code> are no longer changed on their way, in no profile. Echoes, the <code>id</code> and
<code>timestamp</code> of a pong and the <code>id</code> of an acknowledgement are repeated as they came.</li>
<li>json: a repeated member of a message, and one with an escape in its name, is <code>bad_message</code>; in the
body of an HTTP request it is 400. Before, the last one counted.</li>
<li>json: a binary frame that is JSON but not UTF-8 is <code>binary_not_supported</code>. Before, the bytes that
are not UTF-8 were replaced.</li>
<li>json: <code>subscribed</code>, <code>message</code> and <code>published</code> have an <code>offset</code>, and the first and last an <code>epoch</code>,
where the channel keeps a history, which is the default (<code>HISTORY_MESSAGES</code>). <code>subscribed</code> repeats
the <code>id</code> of its request. <code>since</code> and <code>last</code> are members of the format.</li>
<li><code>POST /api/v1/publish</code> answers with <code>epoch</code> and <code>offset</code> there.</li>
<li>infoway: a <code>trace</code> that is a number is repeated in its digits, also beyond 2^53.</li>
<li>json: a token is renewed on the living connection (<code>refresh</code>, <code>refreshed</code>, <code>expiring</code>), and rights
that shrink end just the subscriptions concerned (<code>unsubscribed</code> with a <code>reason</code>). <code>token</code> is a
member of the format: repeated in a message it is <code>bad_message</code>.</li>
<li>The client library has the option <code>token</code>. An expired token or key is no reason to give up where
<code>token</code> or a function for the URL can bring a new one.</li>
</ul>
</main>
</div>
</body>
</html>
`,
  "docs.css": `/* Two themes from one set of variables; digits of equal width; no motion if the reader prefers none. */
:root {
  --back: #f6f7f9;
  --panel: #ffffff;
  --edge: #dfe3e8;
  --grid: #eceff3;
  --text: #1b2330;
  --quiet: #5b6675;
  --focus: #1f6feb;
  --brand: #c2304a;
  --good: #1d8a5b;
  --warn: #b87a00;
  --poor: #cf5a12;
  --bad: #c8283c;
  --timeout: #8347c4;
  --dead: #55606e;
  --neutral: #8a95a5;
  --server: #0f7fa8;
  --series-1: #2f6fd6;
  --series-2: #c2643a;
  --series-3: #7a5cc9;
  --series-4: #2a8c8c;
  --series-5: #a38b1e;
  --series-6: #b04a8b;
  color-scheme: light dark;
}

@media (prefers-color-scheme: dark) {
  :root {
    --back: #0f1319;
    --panel: #171c24;
    --edge: #2a323d;
    --grid: #222933;
    --text: #e4e9f0;
    --quiet: #98a4b3;
    --focus: #6ea8ff;
    --brand: #ee6a80;
    --good: #46c48b;
    --warn: #e2ae3c;
    --poor: #f08b4b;
    --bad: #f4697a;
    --timeout: #bd8df0;
    --dead: #8e99a8;
    --neutral: #76828f;
    --server: #4fb8dd;
    --series-1: #6fa3f5;
    --series-2: #e8996f;
    --series-3: #a98df0;
    --series-4: #58bdbd;
    --series-5: #cfb84a;
    --series-6: #dd83bb;
  }
}

/* The manuals. Put behind the colours of web/style.css by \`deno task docs\`. */
* {
  box-sizing: border-box;
}

html {
  scroll-padding-top: 12px;
}

body {
  margin: 0;
  background: var(--back);
  color: var(--text);
  font: 15px/1.6 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans",
    sans-serif;
  overflow-wrap: break-word;
}

a {
  color: var(--focus);
  text-decoration-thickness: 1px;
  text-underline-offset: 2px;
}

:focus-visible {
  outline: 2px solid var(--focus);
  outline-offset: 1px;
  border-radius: 3px;
}

main:focus {
  outline: none;
}

.skip {
  position: absolute;
  left: -999px;
  padding: 8px;
  background: var(--panel);
}

.skip:focus {
  left: 8px;
  top: 8px;
  z-index: 1;
}

header {
  display: flex;
  align-items: center;
  justify-content: space-between;
  gap: 6px 14px;
  padding: 10px 20px;
  border-bottom: 1px solid var(--edge);
  background: var(--panel);
}

header p {
  margin: 0;
}

.brand a {
  display: flex;
  align-items: center;
  gap: 8px;
  color: inherit;
  font-size: 17px;
  font-weight: 600;
  text-decoration: none;
}

.columns {
  display: grid;
  grid-template: "manuals" "contents" "main" / minmax(0, 1fr);
  gap: 14px;
  max-width: 1440px;
  margin: 0 auto;
  padding: 14px 20px 48px;
}

nav {
  font-size: 14px;
  line-height: 1.45;
}

nav ul {
  margin: 0;
  padding: 0;
  list-style: none;
}

nav a {
  color: var(--quiet);
  text-decoration: none;
}

nav a:hover {
  color: var(--text);
  text-decoration: underline;
}

nav [aria-current] {
  color: var(--text);
  font-weight: 600;
}

.manuals {
  grid-area: manuals;
}

.manuals ul {
  display: flex;
  flex-wrap: wrap;
  gap: 4px 16px;
}

.contents {
  grid-area: contents;
  padding: 10px 14px;
  border: 1px solid var(--edge);
  border-radius: 10px;
}

.contents p {
  margin: 0 0 4px;
  font-size: 13px;
  font-weight: 600;
}

.contents li {
  padding: 2px 0;
}

.contents .depth-3 {
  padding-left: 14px;
}

main {
  grid-area: main;
  min-width: 0;
  padding: 6px 28px 28px;
  border: 1px solid var(--edge);
  border-radius: 10px;
  background: var(--panel);
}

main > :is(p, ul, ol) {
  max-width: 78ch;
}

h1 {
  margin: 18px 0 12px;
  font-size: 26px;
  line-height: 1.25;
}

h2 {
  margin: 36px 0 10px;
  font-size: 19px;
  line-height: 1.3;
}

h3 {
  margin: 26px 0 8px;
  font-size: 16px;
  line-height: 1.3;
}

.anchor {
  margin-left: 8px;
  color: var(--quiet);
  font-weight: 400;
  text-decoration: none;
  opacity: 0;
}

:is(h2, h3):hover .anchor,
.anchor:focus-visible {
  opacity: 1;
}

p,
main :is(ul, ol) {
  margin: 10px 0;
}

main :is(ul, ol) {
  padding-left: 22px;
}

main li {
  margin: 5px 0;
}

code {
  font: 0.88em/1.5 ui-monospace, "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace;
}

:not(pre) > code {
  padding: 1px 4px;
  border-radius: 4px;
  background: var(--grid);
}

a > code,
nav :not(pre) > code {
  padding: 0;
  background: none;
}

.scroll {
  margin: 14px 0;
  border: 1px solid var(--edge);
  border-radius: 8px;
  overflow-x: auto;
}

pre {
  width: max-content;
  min-width: 100%;
  margin: 0;
  padding: 12px 14px;
  background: var(--back);
}

table {
  width: 100%;
  border-collapse: collapse;
  font-size: 14px;
  line-height: 1.5;
}

th,
td {
  min-width: 7em;
  padding: 7px 12px;
  border-bottom: 1px solid var(--edge);
  text-align: left;
  vertical-align: top;
  overflow-wrap: normal;
}

th {
  background: var(--back);
  font-size: 13px;
  font-weight: 600;
}

td:last-child:not(:first-child) {
  min-width: 15em;
}

td:first-child code {
  white-space: nowrap;
}

tbody tr:last-child td {
  border-bottom: 0;
}

.right {
  text-align: right;
  font-variant-numeric: tabular-nums;
}

@media (min-width: 900px) {
  .columns {
    grid-template: "manuals main" auto "contents main" 1fr / 210px minmax(0, 1fr);
    gap: 14px 24px;
  }

  .manuals ul {
    display: block;
  }

  .manuals li {
    padding: 3px 0;
  }

  .contents {
    align-self: start;
    position: sticky;
    top: 14px;
    max-height: calc(100vh - 28px);
    overflow-y: auto;
  }
}

@media (max-width: 600px) {
  header,
  .columns {
    padding-left: 12px;
    padding-right: 12px;
  }

  main {
    padding: 4px 14px 20px;
  }

  h1 {
    font-size: 22px;
  }

  td:first-child {
    min-width: 10em;
  }

  td:first-child code {
    white-space: normal;
    overflow-wrap: anywhere;
  }

  .contents .depth-3 {
    display: none;
  }
}

@media print {
  header,
  nav {
    display: none;
  }

  main {
    border: 0;
  }
}
`,
};
