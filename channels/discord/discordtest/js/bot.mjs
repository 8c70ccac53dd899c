// A bot on discord.js, a client that was written by others, as it comes from npm. It runs on the fake Discord
// unchanged; what it hears it writes to its output, a JSON object a line.
import { createRequire } from 'node:module';

const require = createRequire(process.env.PEERS + '/package.json');
const {
  ActionRowBuilder, ButtonBuilder, ButtonStyle, Client, Events, GatewayIntentBits, MessageFlags, ModalBuilder, Partials, REST, Routes,
  SlashCommandBuilder, StringSelectMenuBuilder, TextInputBuilder, TextInputStyle,
} = require('discord.js');

const say = (event, rest = {}) => console.log(JSON.stringify({ event, ...rest }));
const rest = { api: process.env.API };
const client = new Client({
  rest,
  intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.DirectMessages, GatewayIntentBits.MessageContent],
  partials: [Partials.Channel],
});

client.on(Events.ClientReady, async (c) => {
  const commands = [
    new SlashCommandBuilder().setName('ask').setDescription('Asks').addStringOption((o) => o.setName('what').setDescription('What').setAutocomplete(true)),
    new SlashCommandBuilder().setName('hush').setDescription('Privately'),
  ].map((b) => b.toJSON());
  const set = await new REST(rest).setToken(process.env.TOKEN).put(Routes.applicationCommands(c.application.id), { body: commands });
  say('ready', { user: c.user.id, commands: set.length, guilds: c.guilds.cache.size, channels: c.guilds.cache.first().channels.cache.size });
});
client.on(Events.ShardResume, () => say('resumed'));
client.on(Events.ShardDisconnect, (e) => say('disconnected', { code: e.code }));
client.on(Events.Error, (e) => say('error', { text: String(e) }));

client.on(Events.MessageCreate, async (m) => {
  if (m.author.bot) return;
  say('message', { text: m.content, guild: m.guildId, mentions: m.mentions.users.size, files: m.attachments.size });
  if (m.content.startsWith('buttons')) {
    await m.reply({
      content: 'choose',
      components: [
        new ActionRowBuilder().addComponents(
          new ButtonBuilder().setCustomId('update').setLabel('Update').setStyle(ButtonStyle.Primary),
          new ButtonBuilder().setCustomId('form').setLabel('Form').setStyle(ButtonStyle.Secondary)),
        new ActionRowBuilder().addComponents(
          new StringSelectMenuBuilder().setCustomId('menu').addOptions({ label: 'One', value: '1' }, { label: 'Two', value: '2' })),
      ],
    });
    return;
  }
  if (m.content === 'thread') {
    const t = await m.startThread({ name: 'a thread' });
    await t.send('in the thread');
    return;
  }
  const sent = await m.channel.send({ content: 'echo: ' + m.content, nonce: m.id, enforceNonce: true, files: m.content === 'file' ? [{ attachment: Buffer.from('data'), name: 'a.txt' }] : [] });
  await sent.edit('edited: ' + m.content);
  if (m.content === 'delete') await sent.delete();
  await m.channel.sendTyping();
});

client.on(Events.InteractionCreate, async (i) => {
  say('interaction', { type: i.type, name: i.commandName ?? i.customId, user: i.user.id });
  if (i.isAutocomplete()) return i.respond([{ name: 'typed ' + i.options.getFocused(), value: i.options.getFocused() + '!' }]);
  if (i.isChatInputCommand() && i.commandName === 'hush') {
    await i.deferReply({ flags: MessageFlags.Ephemeral });
    await i.editReply('hidden');
    await i.followUp({ content: 'hidden too', flags: MessageFlags.Ephemeral });
    return i.followUp('for all');
  }
  if (i.isChatInputCommand()) return i.reply('you asked ' + i.options.getString('what'));
  if (i.isStringSelectMenu()) return i.update({ content: 'took ' + i.values[0], components: [] });
  if (i.isButton() && i.customId === 'form') {
    return i.showModal(new ModalBuilder().setCustomId('modal').setTitle('A form').addComponents(
      new ActionRowBuilder().addComponents(new TextInputBuilder().setCustomId('text').setLabel('Text').setStyle(TextInputStyle.Short))));
  }
  if (i.isButton()) {
    await i.deferUpdate();
    return i.editReply('updated');
  }
  if (i.isModalSubmit()) return i.reply({ content: 'wrote ' + i.fields.getTextInputValue('text'), flags: MessageFlags.Ephemeral });
});

process.on('unhandledRejection', (e) => { say('failed', { text: String(e), body: JSON.stringify(e?.rawError ?? null) }); });
client.login(process.env.TOKEN).catch((e) => { say('refused', { text: String(e) }); process.exit(3); });
