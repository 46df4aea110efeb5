// The page: trains while "Train" is pressed, draws the loss, and writes on from what is typed.
import { startTrainer } from "./trainer.mjs";

const part = (id) => document.getElementById(id);
const [LEFT, RIGHT, TOP, BOTTOM, MOST_BITS] = [32, 640, 24, 216, 8];
const heightOf = (bits) => BOTTOM - (Math.min(bits, MOST_BITS) / MOST_BITS) * (BOTTOM - TOP);
let [losses, running, writing] = [[], false, false];
let stepping; // the last training step
let trainer; // made when it is first needed

function trainerOfText() {
  part("text").readOnly = true;
  trainer ??= startTrainer(part("text").value);
  return trainer;
}

for (const bits of [0, 2, 4, 6, 8])
  part("axes").innerHTML +=
    `<path d="M${LEFT} ${heightOf(bits)}H${RIGHT}"/><text x="22" y="${heightOf(bits) + 4}" text-anchor="end">${bits}</text>`;

/** The curve of all steps, each the mean of the last ten, over the whole width. */
function draw() {
  const points = losses.map((_, i) => {
    const last = losses.slice(Math.max(0, i - 9), i + 1);
    const x = LEFT + ((RIGHT - LEFT) * i) / Math.max(1, losses.length - 1);
    return `${x.toFixed(1)},${heightOf(last.reduce((sum, bits) => sum + bits) / last.length).toFixed(1)}`;
  });
  part("curve").setAttribute("points", points.join(" "));
  part("status").textContent = `step ${losses.length}: ${losses.at(-1).toFixed(2)} bits per byte`;
}

part("train").addEventListener("click", async () => {
  running = !running;
  part("train").textContent = running ? "Pause" : "Train";
  if (!running) return;
  part("status").textContent = "compiling";
  const { step } = await trainerOfText();
  while (running) {
    await new Promise((done) => setTimeout(done)); // lets the browser draw
    if (writing) continue;
    stepping = step();
    losses.push(await stepping);
    draw();
  }
});

part("writer").addEventListener("submit", async (event) => {
  event.preventDefault();
  if (writing) return;
  writing = true;
  const [{ write }] = await Promise.all([trainerOfText(), stepping]);
  const bytes = [...new TextEncoder().encode(part("prompt").value)];
  for await (const byte of write(part("prompt").value, 120)) {
    bytes.push(byte);
    part("written").textContent = new TextDecoder().decode(Uint8Array.from(bytes));
    await new Promise((done) => setTimeout(done));
  }
  writing = false;
});
