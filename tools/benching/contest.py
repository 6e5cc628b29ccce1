# SPDX-License-Identifier: Apache-2.0
"""One row: the contestants in turn, round after round, then the goals."""
import os
import statistics

from .machine import Failed, Missing, load_average

OURS = "evidencefs"


class Contest:
    """`add` who takes part, `run`, then say the goals with `against` and `at_most`."""

    def __init__(self, name, title, unit="s"):
        self.name = name
        self.title = title
        self.unit = unit  # less is better in every unit used
        self.who = {}
        self.samples = {}
        self.lacking = {}
        self.goals = []
        self.notes = []
        self.load = [load_average()]

    def add(self, name, once):
        """`once()` does the work afresh and gives what it took."""
        self.who[name] = once

    def run(self, rounds):
        for _ in range(rounds):
            for name, once in self.who.items():
                if name in self.lacking:
                    continue
                try:
                    os.sync()  # nobody's time has another's writes to the disk in it
                    self.samples.setdefault(name, []).append(once())
                except Missing as why:
                    self.lacking[name] = f"n/a: {why}"
                except Failed as why:
                    self.lacking[name] = f"failed: {why}"
        for name in self.lacking:
            self.samples.pop(name, None)
        self.load.append(load_average())
        return self

    def put(self, name, samples):
        """What was measured elsewhere."""
        self.samples[name] = samples

    def note(self, text):
        self.notes.append(text)

    def median(self, name):
        return statistics.median(self.samples[name])

    # ---- goals -------------------------------------------------------------------------

    def against(self, peer, times, ours=OURS):
        """`ours` must be at least `times` as fast as `peer`; 0: no goal, only the ratio."""
        goal = {"ours": ours, "against": peer, "want": times or None}
        if peer in self.samples and ours in self.samples:
            pairs = [p / o for o, p in zip(self.samples[ours], self.samples[peer])]
            goal["ratio"] = self.median(peer) / self.median(ours)
            goal["low"], goal["high"] = min(pairs), max(pairs)
            goal["holds"] = goal["ratio"] >= times if times else None
        self.goals.append(goal)
        return self

    def at_most(self, limit, name=OURS):
        goal = {"ours": name, "limit": limit}
        if name in self.samples:
            goal["ratio"] = None
            goal["holds"] = self.median(name) <= limit
        self.goals.append(goal)
        return self

    # ---- what is shown --------------------------------------------------------------------

    def failed(self):
        return any(text.startswith("failed") for text in self.lacking.values())

    def as_json(self):
        values = {name: {"median": self.median(name), "min": min(v), "max": max(v), "samples": v}
                  for name, v in self.samples.items()}
        return {"row": self.name, "title": self.title, "unit": self.unit, "load": self.load,
                "values": values, "lacking": self.lacking, "goals": self.goals,
                "notes": self.notes}

    def as_text(self):
        lines = [f"{self.name}: {self.title}   (load {self.load[0]:.1f} to {self.load[-1]:.1f})"]
        for name, samples in sorted(self.samples.items(), key=lambda item: item[0] != OURS):
            lines.append(f"  {name:28} {show(self.median(name), self.unit):>10}"
                         f"   {show(min(samples), self.unit)} to {show(max(samples), self.unit)}")
        for name, why in self.lacking.items():
            lines.append(f"  {name:28} {why}")
        lines += [f"  {text}" for text in self.notes]
        return "\n".join(lines)

    def table_rows(self):
        """(row, goal, measured, holds) for each goal."""
        for goal in self.goals:
            name = self.title if goal["ours"] == OURS else f"{self.title}: {goal['ours']}"
            holds = {True: "yes", False: "NO", None: ""}[goal.get("holds")]
            if "limit" in goal:
                want = f"at most {show(goal['limit'], self.unit)}"
                got = show(self.median(goal["ours"]), self.unit) if holds else None
            else:
                want = f"{goal['want']:.2f}x {goal['against']}" if goal["want"] else \
                    f"(beside {goal['against']})"
                got = f"{goal['ratio']:.2f}x ({goal['low']:.2f} to {goal['high']:.2f})" \
                    if "ratio" in goal else None
            if got is None:
                lack = goal.get("against", goal["ours"])
                got = self.lacking.get(goal["ours"]) or self.lacking.get(lack) or "n/a"
                got = "failed, see above" if got.startswith("failed") else got
            yield name, want, got, holds


def show(value, unit):
    """A value with three digits and a unit that suits it."""
    if unit == "s":
        for factor, name in ((1, "s"), (1e3, "ms"), (1e6, "us")):
            if value * factor >= 1 or name == "us":
                return f"{three(value * factor)} {name}"
    return f"{three(value)} {unit}"


def three(value):
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
