// A bot on @slack/bolt, Slack's own client, as it comes from npm. It runs on the fake Slack unchanged; what it hears it
// writes to its output, a JSON object a line.
import bolt from '@slack/bolt';

const say = (event, rest = {}) => console.log(JSON.stringify({ event, ...rest }));
const app = new bolt.App({
  token: process.env.BOT_TOKEN,
  appToken: process.env.APP_TOKEN,
  socketMode: true,
  logLevel: 'error',
  clientOptions: { slackApiUrl: process.env.API + '/' },
});
const plain = (text) => ({ type: 'plain_text', text });

app.error(async (e) => say('error', { text: String(e.original ?? e) }));
app.event('app_mention', async ({ event }) => say('mention', { text: event.text }));
app.message(async ({ message, say: post, client, context }) => {
  say('message', { text: message.text, kind: message.channel_type, files: (message.files ?? []).length });
  if (message.text === 'buttons') {
    await post({
      text: 'choose',
      blocks: [
        { type: 'section', text: { type: 'mrkdwn', text: 'choose' } },
        { type: 'actions', elements: [
          { type: 'button', action_id: 'update', text: plain('Update'), value: 'one' },
          { type: 'button', action_id: 'form', text: plain('Form'), value: 'two' },
        ] },
      ],
    });
  }
  if (message.text === 'stream') {
    const s = client.chatStream({ channel: message.channel, thread_ts: message.ts, recipient_user_id: message.user, recipient_team_id: context.teamId, buffer_size: 4 });
    await s.append({ markdown_text: '**one** ' });
    await s.append({ markdown_text: 'two ' });
    await s.stop({ markdown_text: 'three' });
  }
  if (message.text === 'file') {
    await client.filesUploadV2({ channel_id: message.channel, filename: 'a.txt', content: 'hello' });
  }
  if (message.text === 'hush') {
    await client.chat.postEphemeral({ channel: message.channel, user: message.user, text: 'between us' });
  }
});
app.action('update', async ({ ack, respond, action }) => {
  await ack();
  say('press', { value: action.value });
  await respond({ text: 'pressed', replace_original: true });
});
app.action('form', async ({ ack, body, client }) => {
  await ack();
  await client.views.open({
    trigger_id: body.trigger_id,
    view: {
      type: 'modal', callback_id: 'form', private_metadata: 'meta', title: plain('A form'), submit: plain('Send'),
      blocks: [{ type: 'input', block_id: 'b', label: plain('Word'), element: { type: 'plain_text_input', action_id: 'v' } }],
    },
  });
});
app.view('form', async ({ ack, view }) => {
  const word = view.state.values.b.v.value;
  if (word !== 'right') return ack({ response_action: 'errors', errors: { b: 'not that' } });
  await ack();
  say('form', { word, meta: view.private_metadata });
});
app.command('/ask', async ({ ack, command, respond }) => {
  await ack();
  say('command', { text: command.text });
  await respond({ text: 'answer to ' + command.text, response_type: 'ephemeral' });
});

const connected = app.receiver.client;
connected.on('connected', () => say('connected'));
await app.start();
const me = await app.client.auth.test();
say('ready', { user: me.user_id });
