// Duplicate groups: by kind and reach, each opening to its texts side by side with what differs
// marked, and every place where each of them stands.

import { useEffect, useMemo, useState } from "preact/hooks";
import { difference } from "./difference.ts";
import { count, decimal, number, passages, share, sources } from "./format.ts";
import { Heat } from "./heat.tsx";
import { Check, Choice, Pager, Place, SourceLink, ThemeLink, useShared, usePages } from "./parts.tsx";
import { KINDS, textOf, type DuplicateGroup, type Kind, type Report } from "./report.ts";
import { sourcesOfGroup } from "./selection.ts";
import { ComparedText, languageOf, PassageText, Quote } from "./text.tsx";

const PAGE = 20;
/** Places of one text named before “and more”. */
const MAX_PLACES = 8;

const MEANING: Record<Kind, string> = {
  exact: "the same text, but for case, spaces, quotes and dashes",
  near: "an edited copy",
  excerpt: "one is contained in the other",
  reworded: "the same meaning in other words",
};

const ORDERS = [
  ["telling", "what tells most"],
  ["size", "size"],
  ["kind", "kind"],
  ["number", "number"],
] as const;

export function Duplicates() {
  const { report, view, selection, change } = useShared();
  const ofLists = report.groups!.filter((group) => (group.boilerplate !== undefined) === view.boilerplate);
  const nBoilerplate = report.groups!.filter((group) => group.boilerplate !== undefined).length;
  const { pairs } = report.json.header.counts;
  const isPart = report.json.groups !== undefined && report.json.groups.shown < report.json.groups.of;
  const pages = usePages(
    selection.groups,
    PAGE,
    `${selection.nShown} ${view.kinds.join(" ")} ${view.across} ${view.boilerplate} ${view.groups} ${view.theme} ${view.source} ${view.search}`,
  );

  // A group that was opened elsewhere: its page is turned to.
  const at = view.group === null ? -1 : selection.groups.findIndex(({ group }) => group === view.group);
  useEffect(() => {
    if (at >= 0 && (at < pages.first || at >= pages.first + pages.items.length)) pages.setPage(Math.floor(at / PAGE));
  }, [view.group]);
  const apart = view.group !== null && at < 0 ? report.groupById.get(view.group) : undefined;

  const toggle = (kind: Kind) =>
    change({ kinds: KINDS.filter((other) => view.kinds.includes(other) !== (other === kind)) });

  return (
    <section id="duplicates" aria-labelledby="duplicates-title">
      <h2 id="duplicates-title" tabIndex={-1} data-focus>
        Duplicates <span class="heading-figure">{number(ofLists.length)}</span>
      </h2>
      <p class="lead">
        {ofLists.length === 0
          ? `No ${view.boilerplate ? "boilerplate" : "duplicate"} groups.`
          : `${count(ofLists.length, "group", "groups")}${isPart ? " in this page" : ""}, ${number(ofLists.filter((group) => group.across_sources).length)} across sources`}
        {pairs && ofLists.length > 0 && `; pairs${isPart ? " in all" : ""}: ${KINDS.filter((kind) => pairs[kind] > 0).map((kind) => `${number(pairs[kind])} ${kind}`).join(", ")}`}
        {pairs && pairs.left_out > 0 && `; ${count(pairs.left_out, "pair", "pairs")} left out`}
        {". "}
      </p>
      <div class="controls">
        <div class="toggles" role="group" aria-label="Kinds of duplicates">
          {KINDS.map((kind) => (
            <button
              type="button"
              key={kind}
              title={MEANING[kind]}
              aria-pressed={view.kinds.includes(kind)}
              onClick={() => toggle(kind)}
            >
              {kind} <span class="n">{number(selection.byKind[kind])}</span>
            </button>
          ))}
        </div>
        <Check checked={view.across} onChange={(across) => change({ across })}>
          across sources only <span class="n">{number(selection.nAcross)}</span>
        </Check>
        {nBoilerplate > 0 && (
          <Check checked={view.boilerplate} onChange={(boilerplate) => change({ boilerplate, group: null })}>
            boilerplate <span class="n">{number(nBoilerplate)}</span>
          </Check>
        )}
        <Choice label="Sorted by" value={view.groups} options={ORDERS} onChange={(groups) => change({ groups }, "replace")} />
      </div>
      <p class="help" role="status" id="groups-left" data-groups={selection.groups.length}>
        {selection.groups.length < ofLists.length && `${number(selection.groups.length)} of ${count(ofLists.length, "group", "groups")}`}
      </p>
      {apart && (
        <div class="apart">
          <p class="help">Outside of what is chosen:</p>
          <ol class="groups">
            <GroupRow group={apart} />
          </ol>
        </div>
      )}
      <ol class="groups">
        {pages.items.map((group) => (
          <GroupRow key={group.group} group={group} />
        ))}
      </ol>
      <Pager pages={pages} of="groups" />
      {report.json.shared && report.json.shared.length > 0 && report.sources.length > 1 && <Heat />}
    </section>
  );
}

function GroupRow({ group }: { group: DuplicateGroup }) {
  const { report, view, change } = useShared();
  const isOpen = view.group === group.group;
  const inSources = useMemo(() => sourcesOfGroup(report, group), [report, group]);
  const id = `group-${group.group}`;
  const { cosine } = group.weakest_link;
  return (
    <li class="group" id={id} data-group={group.group} data-kind={group.kind}>
      <button
        type="button"
        class="group-head"
        data-focus
        aria-expanded={isOpen}
        aria-controls={`${id}-body`}
        onClick={() => change({ group: isOpen ? null : group.group })}
      >
        <span class="turn" aria-hidden="true" />
        <span class="n id">{group.group}</span>
        <span class="kind">{group.kind}</span>
        <span class="snippet">
          <Quote report={report} passage={group.representative} most={160} />
        </span>
        <span class="n group-size">
          {passages(group.size)} · {sources(inSources.size)}
        </span>
      </button>
      {isOpen && (
        <div class="group-body" id={`${id}-body`}>
          <p class="facts">
            {MEANING[group.kind]} · {group.across_sources ? "across sources" : "within one source"} ·{" "}
            {count(group.n_pairs, "pair", "pairs")}; the weakest link: {cosine != null && `cosine ${decimal(cosine)}, `}
            {share(group.weakest_link.jaccard, 1)} of words in runs shared, {share(group.weakest_link.containment, 1)} of the shorter contained
          </p>
          {group.boilerplate?.map(({ source, documents, of_documents }) => (
            <p class="facts" key={source}>
              <SourceLink source={report.sourceByName.get(source)!} />: in {number(documents)} of {number(of_documents)} documents
            </p>
          ))}
          <Members group={group} />
          {group.members.length < group.size && (
            <p class="help">
              {number(group.members.length)} of its {passages(group.size)} are in this page; all are in <code>report.json</code>.
            </p>
          )}
        </div>
      )}
    </li>
  );
}

/** One text of a group and the passages that have it, letter by letter. */
interface Variant {
  passages: number[];
  text: string | null;
}

/** The representative's text first, then the others in order; texts that are not in the page, each alone. */
function variantsOf(report: Report, group: DuplicateGroup): Variant[] {
  const byText = new Map<string, Variant>();
  const variants: Variant[] = [];
  for (const passage of [group.representative, ...group.members.filter((i) => i !== group.representative)]) {
    const text = textOf(report, passage);
    const known = text === null ? undefined : byText.get(text);
    if (known) {
      known.passages.push(passage);
      continue;
    }
    const variant = { passages: [passage], text };
    if (text !== null) byText.set(text, variant);
    variants.push(variant);
  }
  return variants;
}

function Members({ group }: { group: DuplicateGroup }) {
  const { report } = useShared();
  const variants = useMemo(() => variantsOf(report, group), [report, group]);
  const [at, setAt] = useState(1);
  const [first, other] = [variants[0], variants[at]];
  const differ = useMemo(
    () => (first.text !== null && other && other.text !== null ? difference(first.text, other.text) : null),
    [first, other],
  );
  if (!other) {
    return (
      <div class="side">
        <h4>The same text in {number(first.passages.length)} places</h4>
        <PassageText report={report} passage={first.passages[0]} most={2000} />
        <Places passages={first.passages} />
      </div>
    );
  }
  const isMarked = differ !== null && (differ[0].some((run) => run.isOnlyHere) || differ[1].some((run) => run.isOnlyHere));
  return (
    <>
      <div class="members">
        <div class="side">
          <h4>The group’s representative</h4>
          {differ ? (
            <ComparedText runs={differ[0]} lang={languageOf(report, first.passages[0])} />
          ) : (
            <PassageText report={report} passage={first.passages[0]} most={2000} />
          )}
          <Places passages={first.passages} />
        </div>
        <div class="side" key={at}>
          <h4>
            {variants.length === 2 ? "The other text" : `Text ${number(at + 1)} of ${number(variants.length)}`}
            {variants.length > 2 && (
              <span class="stepper">
                <button type="button" disabled={at === 1} aria-label="The text before" onClick={() => setAt(at - 1)}>
                  ←
                </button>
                <button type="button" disabled={at === variants.length - 1} aria-label="The next text" onClick={() => setAt(at + 1)}>
                  →
                </button>
              </span>
            )}
          </h4>
          {differ ? (
            <ComparedText runs={differ[1]} lang={languageOf(report, other.passages[0])} />
          ) : (
            <PassageText report={report} passage={other.passages[0]} most={2000} />
          )}
          <Places passages={other.passages} />
        </div>
      </div>
      {isMarked && (
        <p class="help">
          <mark class="only">Marked</mark>: words that the other text does not have there.
        </p>
      )}
      {differ && !isMarked && <p class="help">They differ in white space only.</p>}
      {!differ && first.text !== null && other.text !== null && (
        <p class="help">They differ in too many words for these to be marked.</p>
      )}
    </>
  );
}

function Places({ passages: all }: { passages: number[] }) {
  const { report } = useShared();
  const [isWhole, setWhole] = useState(false);
  const named = isWhole ? all.slice(0, 500) : all.slice(0, MAX_PLACES);
  return (
    <ul class="places">
      {named.map((passage) => (
        <li key={passage}>
          <Place passage={passage} />
          {report.themes && (
            <>
              {" "}
              <ThemeLink theme={report.themeOf[passage]} />
            </>
          )}
        </li>
      ))}
      {named.length < all.length && (
        <li>
          {isWhole ? (
            `and ${passages(all.length - named.length)} more`
          ) : (
            <button type="button" class="link" onClick={() => setWhole(true)}>
              and {passages(all.length - named.length)} more
            </button>
          )}
        </li>
      )}
    </ul>
  );
}
