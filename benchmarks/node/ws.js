// Node's `ws`, with its native part: no compression, the loop over clients that its documentation shows.
"use strict";

const { WebSocketServer } = require("ws");
const { PAYLOAD, say, obey, turn } = require("./words.js");

const rooms = new Map();
const server = new WebSocketServer({ host: "127.0.0.1", port: 0, perMessageDeflate: false });
server.on("connection", (client) => {
  client.once("message", (name) => {
    const members = rooms.get(String(name)) ?? [];
    members.push(client);
    rooms.set(String(name), members);
    client.on("message", (message, isBinary) => {
      for (const member of members) member.send(message, { binary: isBinary });
    });
  });
});

async function publish(room, broadcasts, flight) {
  const members = rooms.get(room);
  const payload = Buffer.from(PAYLOAD);
  const last = members[members.length - 1];
  for (let sent = 0; sent < broadcasts; sent += flight) {
    for (let n = 0; n < flight; n++) for (const client of members) client.send(payload, { binary: true });
    do await turn(); while (last.bufferedAmount);
  }
  while (members.some((client) => client.bufferedAmount)) await turn();
}

server.on("listening", () => say({ port: server.address().port }));
obey(() => Object.fromEntries([...rooms].map(([name, members]) => [name, members.length])), publish);
