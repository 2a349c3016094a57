"""The operator's templates: they can show everything of an event and do nothing else."""

from __future__ import annotations

import pytest
from make import NOW, History, entry

from feedwatch.alerts.message import Item, Message, template_values
from feedwatch.alerts.wording import TemplateProblem, check, render, render_tree
from feedwatch.routes import Route, Webhook


def _values(title: str = "A title") -> dict[str, object]:
    blog = History()
    blog.reads(entry(1))
    (change,) = blog.reads(entry(2, title), entry(1)).changes
    return template_values(Message("m", Route("r", Webhook("https://x/")), (Item("d", change, "The blog"),)))


def test_a_template_shows_what_it_names() -> None:
    text = "{{ event|upper }}: {{ entry.title }} ({{ source.title }}){% for c in categories %} #{{ c }}{% endfor %}"

    assert render(text, _values()) == "NEW: A title (The blog) #data"


@pytest.mark.parametrize("title", ["{{7*7}}", "{0.__class__}", "${x}", "%(a)s", "{% raw %}", "{{ entry }}", "<b>&amp;"])
def test_s15_a_scraped_title_is_never_a_template(title: str) -> None:
    assert render("{{ entry.title }}", _values(title)) == title
    assert render_tree({"a": ["{{ entry.title }}"]}, _values(title)) == {"a": [title]}


@pytest.mark.parametrize(
    "text",
    [
        "{{ entry.titel }}",
        "{{ nothing }}",
        "{% for e in events %}{{ e.entry.nothing }}{% endfor %}",
        "{{ entry.title.upper() }}",
        "{{ ''.__class__ }}",
        "{{ entry.title|attr('__class__') }}",
        "{{ entry.title|format }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ 'x' * 1000000000 }}",
        "{{ 9 ** 9 ** 9 }}",
        "{% macro m() %}{% endmacro %}",
        "{% set x = 1 %}",
        "{{ cycler('a') }}",
        "{{ range(9) }}",
        "{{ unclosed",
        "{% for x in events recursive %}{{ loop(x) }}{% endfor %}",
        "{{ 1 / 0 }}",
        "{{ " + "(" * 5000 + " }}",
        "{{ entry.title }}" * 1000,
        "{{ 1.5|round(300000000, 'floor') }}",
        "{% for _steps in [[]] %}{% block b scoped %}{% endblock %}{% endfor %}",
        "{% for x in [entry.title ~ entry.title] %}{% endfor %}",
        "{% if 1 %}" * 101 + "{% endif %}" * 101,
    ],
)
def test_s15_a_template_that_is_wrong_or_wants_more_is_refused_by_the_configuration(text: str) -> None:
    with pytest.raises(ValueError, match="is a template that"):
        check(text)


def test_a_template_may_ask_whether_there_is_something() -> None:
    check("{% if before %}{{ before.title }} → {% endif %}{{ entry.title }} {{ incident.detail if incident else '' }}")


LOOPS = "{% for a in t %}{% for b in t %}{% for c in t %}{% endfor %}{% endfor %}{% endfor %}"


def test_loops_are_counted_so_that_no_template_runs_for_long() -> None:
    with pytest.raises(TemplateProblem, match="loops more than"):
        render(LOOPS, {"t": "x" * 5000})


def test_the_output_is_bounded() -> None:
    with pytest.raises(TemplateProblem, match="more than 100,000 characters"):
        render("{% for c in t %}{{ t }}{% endfor %}", {"t": "x" * 1000})


def test_joining_is_bounded_before_it_is_done() -> None:
    assert render("{{ events|join(', ', attribute='event') }}", _values()) == "new"
    with pytest.raises(TemplateProblem, match="more than 100,000 characters"):
        render("{{ (t|join(t))|join(t) }}", {"t": "x" * 20_000})
    with pytest.raises(TemplateProblem, match="cannot be filled in"):
        render("{{ events|join(', ', attribute='nothing') }}", _values())


def test_values_are_cut_before_a_filter_sees_them() -> None:
    assert render("{{ t|length }}", {"t": "x" * 1_000_000}) == "20000"


def test_the_count_of_one_message_does_not_go_on_in_the_next() -> None:
    for _ in range(30):
        render("{% for c in t %}{% endfor %}", {"t": "x" * 900})


def test_an_event_that_is_no_entry_still_says_something_where_a_template_knows_entries_only() -> None:
    blog = History()
    blog.reads(entry(1))
    changes = blog.reads(entry(3), entry(2), entry(1)).changes
    items = tuple(Item(change.id, change, "The blog") for change in changes)
    values = template_values(Message("m", Route("r", Webhook("https://x/")), items, "digest"))

    assert render("{{ entry.title }}", values) == "2 events since the last digest."
    assert render("{{ entry.summary }}", values) == "Entry 3 · Entry 2"
    assert items[0].event.at > NOW
