import { assertEquals } from "@std/assert";
import type {
  MembersListener,
  NodeMember,
  SharedMembers,
} from "../../server/brokers/shared_members.ts";
import { type TestPeer, withWorld, type World } from "../support/fakes/world.ts";

const GRACE_MS = 5_000;

/** The other nodes, as a test plays them. */
class OtherNodes implements SharedMembers {
  /** What this node has told. */
  readonly told: string[] = [];
  /** What `read()` answers. */
  all: NodeMember[] = [];
  listener!: MembersListener;

  start(listener: MembersListener): void {
    this.listener = listener;
  }

  put(channel: string, { member, info }: NodeMember["member"]): void {
    this.told.push(`put ${channel} ${member} ${info}`);
  }

  remove(channel: string, { member }: NodeMember["member"]): void {
    this.told.push(`remove ${channel} ${member}`);
  }

  read(): Promise<NodeMember[]> {
    return Promise.resolve(this.all);
  }
}

const at = (node: string, member: string, more = {}): NodeMember => (
  { node, member: { user: null, member, clientId: `${node}-1`, info: "null", sinceMs: 5, ...more } }
);

const withNodes = (run: (world: World, others: OtherNodes) => Promise<void>) => {
  const others = new OtherNodes();
  const options = { presenceGraceMs: GRACE_MS, sharedMembers: others };
  return withWorld(options, (world) => run(world, others));
};

async function subscribe(world: World, message: object): Promise<TestPeer> {
  const peer = world.connect();
  peer.socket.say({ type: "subscribe", channel: "c", ...message });
  await world.clock.turnOver();
  return peer;
}

const changes = ({ socket }: TestPeer) =>
  socket.messages.filter(({ type }) => type === "joined" || type === "left")
    .map(({ type, member }) => `${type} ${member}`);

async function namesAt(world: World): Promise<string[]> {
  const list = world.hub.members("c");
  await world.clock.turnOver();
  const { count, members } = (await list)!;
  assertEquals(count, members.length);
  return members.map(({ member }) => member).sort();
}

Deno.test("A node tells the others of its members: when they come, change, and have left", () =>
  withNodes(async (world, others) => {
    const first = await subscribe(world, { member: "a", info: 1 });
    const second = await subscribe(world, { member: "a", info: 2 });
    second.socket.leave();
    await world.clock.turnOver();
    first.socket.leave();
    await world.clock.pass(GRACE_MS - 100);
    assertEquals(others.told, ["put c a 1", "put c a 2", "put c a 1"]);
    await world.clock.pass(200);
    assertEquals(others.told.slice(3), ["remove c a"]);
  }));

Deno.test("A member joins with its first node and leaves with its last", () =>
  withNodes(async (world, { listener }) => {
    const watcher = await subscribe(world, { member: "w", presence: true });
    listener.joined("c", at("n1", "a"));
    listener.joined("c", at("n2", "a"));
    const here = await subscribe(world, { member: "a" });
    listener.left("c", at("n1", "a"));
    here.socket.leave();
    await world.clock.pass(GRACE_MS + 100);
    await world.clock.turnOver();
    assertEquals(changes(watcher), ["joined w", "joined a"]);
    assertEquals(await namesAt(world), ["a", "w"]);
    listener.left("c", at("n2", "a"));
    assertEquals(await namesAt(world), ["w"]);
    assertEquals(changes(watcher).slice(2), ["left a"]);
  }));

Deno.test("What is known anew adds who is there; who is not has a grace, and stays if named again", () =>
  withNodes(async (world, { listener }) => {
    const watcher = await subscribe(world, { member: "w", presence: true });
    listener.known("c", [at("n1", "a"), at("n1", "b"), at("n2", "b"), at("n1", "d")]);
    listener.known("c", [at("n2", "b"), at("n2", "c")]);
    await world.clock.pass(GRACE_MS - 100);
    listener.joined("c", at("n1", "d"));
    assertEquals(await namesAt(world), ["a", "b", "c", "d", "w"]);
    await world.clock.pass(200);
    assertEquals(changes(watcher).slice(1), [
      ...["joined a", "joined b", "joined d", "joined c", "left a"],
    ]);
    assertEquals(await namesAt(world), ["b", "c", "d", "w"]);
  }));

Deno.test("The members of a lost node have their grace, and stay if they come back elsewhere", () =>
  withNodes(async (world, { listener }) => {
    const watcher = await subscribe(world, { member: "w", presence: true });
    listener.known("c", [at("n1", "a"), at("n1", "b"), at("n2", "c"), at("n1", "c")]);
    listener.gone("n1");
    await world.clock.pass(GRACE_MS - 100);
    listener.joined("c", at("n2", "a"));
    assertEquals(await namesAt(world), ["a", "b", "c", "w"]);
    await world.clock.pass(200);
    assertEquals(changes(watcher).slice(4), ["left b"]);
    assertEquals(await namesAt(world), ["a", "c", "w"]);
  }));

Deno.test("A member that has left for a node which is missed has its grace from then on", () =>
  withNodes(async (world, { listener }) => {
    const watcher = await subscribe(world, { member: "w", presence: true });
    for (
      const [member, miss] of [
        ["a", () => listener.known("c", [])],
        ["b", () => listener.gone("n1")],
      ] as const
    ) {
      const here = await subscribe(world, { member });
      here.socket.leave();
      listener.joined("c", at("n1", member));
      await world.clock.pass(GRACE_MS - 100);
      miss();
      await world.clock.pass(GRACE_MS - 100);
      assertEquals(await namesAt(world), [member, "w"]);
      await world.clock.pass(200);
      assertEquals(changes(watcher).slice(-2), [`joined ${member}`, `left ${member}`]);
    }
  }));

Deno.test("Nobody leaves while this node does not reach the others, nor for a grace after it", () =>
  withNodes(async (world, { listener }) => {
    const watcher = await subscribe(world, { member: "w", presence: true });
    listener.joined("c", at("n1", "a"));
    const here = await subscribe(world, { member: "b" });
    here.socket.leave();
    listener.gone("n1");
    await world.clock.pass(GRACE_MS - 100);
    listener.interrupted();
    await world.clock.pass(3 * GRACE_MS);
    listener.returned();
    await world.clock.pass(GRACE_MS - 100);
    await subscribe(world, { member: "b" });
    assertEquals(await namesAt(world), ["a", "b", "w"]);
    await world.clock.pass(200);
    assertEquals(changes(watcher).slice(3), ["left a"]);
  }));

Deno.test("Members elsewhere are forgotten with the last subscriber, and asked for then", () =>
  withNodes(async (world, others) => {
    const watcher = await subscribe(world, { member: "w" });
    others.listener.known("c", [at("n1", "a")]);
    watcher.socket.leave();
    await world.clock.turnOver();
    others.all = [at("n1", "b"), at("n2", "b"), at("n2", "w")];
    assertEquals(await namesAt(world), ["b", "w"]); // w is in its grace
    await world.clock.pass(GRACE_MS + 100);
    assertEquals(world.hub.presence.size, 0);
    const peer = world.connect();
    peer.socket.say({ type: "presence", channel: "c", id: "p" });
    await world.clock.turnOver();
    const { count, members } = peer.socket.messages.at(-1);
    assertEquals([count, members[0].member, members[0].clientId], [2, "b", "n2-1"]);
  }));
