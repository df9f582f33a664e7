"use strict";
const count = (number) => number.toLocaleString("en");

// A click on a heading sorts by it, a second click the other way round; what has no number comes last.
for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => head.querySelector("button").addEventListener("click", () => {
    const down = head.getAttribute("aria-sort") === "ascending";
    heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    const body = table.tBodies[0];
    const key = (row) => row.cells[column].dataset.sort;
    const rows = [...body.rows].sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      if ((x === undefined) !== (y === undefined)) return x === undefined ? 1 : -1;
      const order = x === undefined
        ? a.cells[column].textContent.localeCompare(b.cells[column].textContent, "en")
        : Number(x) - Number(y);
      return down ? -order : order;
    });
    body.append(...rows);
  }));
}

// A long table can be filtered: rows stay that have every word somewhere.
for (const box of document.querySelectorAll(".filter")) {
  const rows = [...box.nextElementSibling.querySelectorAll("tbody tr")];
  const [input, told] = [box.querySelector("input"), box.querySelector("output")];
  box.hidden = false;
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    let left = 0;
    for (const row of rows) {
      const text = row.textContent.toLowerCase();
      row.hidden = !words.every((word) => text.includes(word));
      left += row.hidden ? 0 : 1;
    }
    told.textContent = words.length ? `${count(left)} of ${count(rows.length)} rows` : "";
  });
}

// The answers of every arm are in the page, so that any two can be set side by side.
const answers = document.getElementById("answers");
if (answers) {
  const { arms, questions, asked, right, given, texts, outputs, shown } = JSON.parse(answers.textContent);
  const [first, second, which, words] = ["first", "second", "which", "words"].map((id) => document.getElementById(id));
  const body = document.getElementById("rows");
  const good = (answer) => answer >= "A" && answer <= "Z";
  const word = (answer) => (answer === "-" ? "unreadable" : answer.toUpperCase()) + (good(answer) ? " ✓" : "");
  const make = (name, text, className) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    if (className) made.className = className;
    return made;
  };
  // The label in an output is the letter between two equal markers.
  const written = (text) => {
    const pre = make("pre");
    const found = /(\S+)\s*([A-Z])\s*\1/.exec(text);
    if (!found) {
      pre.textContent = text;
      return pre;
    }
    const end = found.index + found[0].length;
    pre.append(text.slice(0, found.index), make("mark", found[0]), text.slice(end));
    return pre;
  };
  const opened = (index) => {
    const cell = make("td");
    cell.colSpan = 4;
    const question = asked[index];
    if (question) {
      const told = make("div", undefined, "asked");
      const list = make("ul");
      for (const choice of question.choices) {
        const isRight = choice.startsWith(right[index] + ":");
        list.append(make("li", choice + (isRight ? " ✓" : ""), isRight ? "right" : ""));
      }
      told.append(make("p", question.stem), list);
      cell.append(told);
    }
    const beside = make("div", undefined, "beside");
    for (const side of [first, second]) {
      const arm = Number(side.value);
      const part = make("div");
      const place = outputs[arm][index];
      part.append(make("h4", `${arms[arm]}: ${word(given[arm][index])}`));
      part.append(place === undefined || place === null ? make("p", "left out for the size of this page; questions.csv has it") : written(texts[place]));
      beside.append(part);
    }
    cell.append(beside);
    const row = make("tr", undefined, "opened");
    row.append(cell);
    return row;
  };
  const toggle = (button, row, index) => {
    const open = button.getAttribute("aria-expanded") !== "true";
    button.setAttribute("aria-expanded", String(open));
    if (open) row.after(opened(index));
    else row.nextElementSibling.remove();
  };
  const line = (index, a, b) => {
    const row = make("tr");
    const name = make("td", undefined, "free");
    const button = make("button", asked[index] ? asked[index].stem : questions[index], "open");
    button.type = "button";
    button.title = questions[index];
    button.setAttribute("aria-expanded", "false");
    button.addEventListener("click", () => toggle(button, row, index));
    name.append(button);
    row.append(name, make("td", right[index]), make("td", word(a), good(a) ? "yes" : "no"), make("td", word(b), good(b) ? "yes" : "no"));
    return row;
  };
  const kinds = {
    one: (a, b) => good(a) !== good(b),
    other: (a, b) => a !== b && !good(a) && !good(b),
    both: (a, b) => good(a) && good(b),
    all: () => true,
  };
  const show = () => {
    const [one, two] = [given[first.value], given[second.value]];
    const sought = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const rows = [];
    let [shared, wins, losses, found] = [0, 0, 0, 0];
    questions.forEach((question, index) => {
      const [a, b] = [one[index], two[index]];
      if (a === " " || b === " ") return;
      shared += 1;
      wins += good(b) && !good(a) ? 1 : 0;
      losses += good(a) && !good(b) ? 1 : 0;
      if (!kinds[which.value](a, b)) return;
      const text = [question, asked[index] ? asked[index].stem + " " + asked[index].choices.join(" ") : ""].join(" ").toLowerCase();
      if (!sought.every((word) => text.includes(word))) return;
      found += 1;
      if (found <= shown) rows.push(line(index, a, b));
    });
    body.replaceChildren(...rows);
    document.getElementById("count").textContent = shared === 0
      ? "These two have no question in common."
      : `Questions that exactly one of the two got right: ${count(wins + losses)}. The first alone: ${count(losses)}, the second alone: ${count(wins)}.`
        + ` Listed: ${count(Math.min(found, shown))}` + (found > shown ? ` of ${count(found)}.` : ".");
  };
  [first, second, which].forEach((select) => select.addEventListener("change", show));
  words.addEventListener("input", show);
  document.getElementById("finder").hidden = false;
  show();
}
