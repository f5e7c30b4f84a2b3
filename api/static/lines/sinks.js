// Where the verdicts of a line are sent, besides its CSV file.

import { Field } from "../ui/fields.js";
import { html } from "../vendor/preact.js";

const SECRET_BYTES = 24;

export const SINK_FIELDS = {
  secret: ["sinks.webhook.secret", /secret/],
  webhook: ["sinks.webhook.url", /webhook/i],
  mqtt: ["sinks.mqtt", /mqtt/i],
  node: ["sinks.opcua.node", /node/],
  opcua: ["sinks.opcua.url", "sinks.opcua", /opc/i],
};

/** The `sinks` of a request; those without an address are left out. */
export function createSinks({ webhook, secret, mqtt, opcua, node }) {
  return {
    ...(webhook.trim() && { webhook: { url: webhook.trim(), secret: secret.trim() } }),
    ...(mqtt.trim() && { mqtt: mqtt.trim() }),
    ...(opcua.trim() && { opcua: { url: opcua.trim(), node: node.trim() } }),
  };
}

/** A secret of Standard Webhooks: a prefix and random bytes in base64. */
const createSecret = () => `whsec_${btoa(String.fromCharCode(...crypto.getRandomValues(new Uint8Array(SECRET_BYTES))))}`;

export function Sinks({ values, errors, bind, change }) {
  const hasErrors = Object.keys(SINK_FIELDS).some((key) => errors[key]);
  return html`
    <details class="more-settings" open=${hasErrors || undefined} id="line-sinks"><summary>Send verdicts to …</summary>
      <p class="muted">A CSV file of all verdicts is kept in any case. Secrets stay on the server and are not shown again.</p>
      <${Field} id="line-webhook" label="Webhook" placeholder="https://plc.local/verdicts" maxlength="2000" spellcheck="false" ...${bind("webhook")} />
      ${values.webhook.trim() && html`
        <${Field} id="line-secret" label="Its secret" placeholder="whsec_…" maxlength="500" spellcheck="false" hint="Signs each verdict. Copy it to the receiver before the line starts." ...${bind("secret")} />
        <p class="buttons"><button type="button" onClick=${() => change({ secret: createSecret() })}>Make a secret</button></p>`}
      <${Field} id="line-mqtt" label="MQTT topic" placeholder="mqtt://user:password@broker.local/press/verdicts" maxlength="2000" spellcheck="false" ...${bind("mqtt")} />
      <${Field} id="line-opcua" label="OPC UA server" placeholder="opc.tcp://plc.local:4840" maxlength="2000" spellcheck="false" ...${bind("opcua")} />
      ${values.opcua.trim() && html`<${Field} id="line-node" label="Its node" placeholder="ns=2;s=Line1" maxlength="500" ...${bind("node")} />`}
    </details>`;
}
