// Socket.IO 4 at its best: WebSocket alone, text events (one frame each, binary ones are two), `io.to(room).emit`.
"use strict";

const http = require("node:http");
const { Server } = require("socket.io");
const { PAYLOAD, say, obey, turn } = require("./words.js");

const DAY = 86_400_000;
const rooms = new Map();
const listener = http.createServer();
const io = new Server(listener, { transports: ["websocket"], pingInterval: DAY, pingTimeout: DAY });
io.on("connection", (socket) => {
  socket.once("join", (name) => {
    socket.join(name);
    const members = rooms.get(name) ?? [];
    members.push(socket.conn);
    rooms.set(name, members);
    socket.on("say", (message) => io.to(name).emit("m", message));
  });
});

const isBusy = (connection) =>
  connection.writeBuffer.length || !connection.transport.writable || connection.transport.socket.bufferedAmount;

async function publish(room, broadcasts, flight) {
  const members = rooms.get(room);
  const last = members[members.length - 1];
  for (let sent = 0; sent < broadcasts; sent += flight) {
    for (let n = 0; n < flight; n++) io.to(room).emit("m", PAYLOAD);
    do await turn(); while (isBusy(last));
  }
  while (members.some(isBusy)) await turn();
}

listener.listen(0, "127.0.0.1", () => say({ port: listener.address().port }));
obey(() => Object.fromEntries([...rooms].map(([name, members]) => [name, members.length])), publish);
