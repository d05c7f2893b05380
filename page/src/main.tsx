// Where the page begins: the report is read from the page itself, and shown.

import { render } from "preact";
import { App } from "./app.tsx";
import { read, type ReportJson } from "./report.ts";
import { ViewStore } from "./view.ts";

function start(): void {
  const root = document.getElementById("page")!;
  const json = document.getElementById("report")!.textContent!;
  let report;
  try {
    report = read(JSON.parse(json) as ReportJson);
  } catch (error) {
    root.textContent = `The report in this page cannot be read (${String(error)}). The same is in report.json beside it.`;
    return;
  }
  root.replaceChildren();
  render(<App report={report} store={new ViewStore(report)} />, root);
}

start();
