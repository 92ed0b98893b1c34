// What benchmarks/fanout/words.py is for the servers in Python.
"use strict";

const PAYLOAD = "x".repeat(350);

function say(words) {
  process.stdout.write(JSON.stringify(words) + "\n");
}

/** Runs `publish(room, broadcasts, flight)` when told to, and reports processor seconds of all threads. */
function obey(members, publish) {
  let line = "";
  process.stdin.on("end", () => process.exit(0));
  process.stdin.on("data", async (data) => {
    line += data;
    if (!line.endsWith("\n")) return;
    const order = JSON.parse(line);
    line = "";
    if (!order.broadcasts) return say({ members: members() });
    const wall = process.hrtime.bigint(), cpu = process.cpuUsage();
    await publish(String(order.room), order.broadcasts, order.flight);
    const used = process.cpuUsage(cpu);
    say({
      user: used.user / 1e6,
      cpu: (used.user + used.system) / 1e6,
      wall: Number(process.hrtime.bigint() - wall) / 1e9,
    });
  });
}

const turn = () => new Promise(setImmediate);

module.exports = { PAYLOAD, say, obey, turn };
