"""A report tells what is there, says what is not, and can be read by anyone anywhere."""

import itertools
import json
import re
import shutil
import subprocess
import time
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from PIL import Image
from reported import CLASSES, Told, a_picture, a_record, flowers, prices, some_flowers, some_prices

from pellucid.errors import BadInputError
from pellucid.explaining._reliance import Cluster, Effect, Reason, Reliance
from pellucid.explaining._suspects import Group
from pellucid.reporting import _facts, _figures, report
from pellucid.reporting._blocks import data_uri
from pellucid.reporting._facts import Asked, Facts, gather
from pellucid.reporting._figures import Axis
from pellucid.reporting._limits import limits
from pellucid.reporting._verdict import verdict
from pellucid.tasks import Estimate

SECTIONS = [
    "verdict",
    "asked",
    "data",
    "choice",
    "curve",
    "scores",
    "calibration",
    "confusion",
    "mistakes",
    "reliance",
    "groups",
    "suspects",
    "trust",
    "limits",
    "repeat",
]
VOID = {"meta", "img", "br", "circle", "line", "rect", "polyline"}
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")

needs_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium here")

RELIANCE = Reliance(
    about="all answers",
    n=120,
    method="shapley",
    metric="accuracy",
    items=(
        Reason(
            name="the <i>rim</i>",
            areas=("top",),
            where=[0, 0, 9, 9],
            answer="rose",
            n=40,
            share=0.41,
            consistency=0.9,
            turned=0.8,
            suspicion=0.9,
            suspicious=True,
            why="pasted into other examples it turns 80 % of them.",
            effect=Effect(n=300, own=Estimate(value=0.95), own_covered=Estimate(value=0.4)),
        ),
        Reason(
            name="middle", areas=("m",), where=None, answer="", n=40, share=0.3, consistency=0.5
        ),
    ),
    clusters=(
        Cluster(answer="rose", size=20, of=40, areas=("top",), share=0.6, examples=("a.jpg",)),
    ),
    notes=("Only 120 of 400 examples were explained.",),
    picture=a_picture(),
    picture_of="a typical rose",
)


class Element:
    """One tag of a page, with what stands in it."""

    def __init__(self, tag, attributes, parent):
        self.tag, self.attributes, self.parent = tag, attributes, parent
        self.children, self.words = [], []

    def all(self, *tags):
        for child in self.children:
            if child.tag in tags:
                yield child
            yield from child.all(*tags)

    @property
    def text(self):
        return " ".join("".join(self._pieces()).split())

    def _pieces(self):
        for piece in self.words:
            yield piece if isinstance(piece, str) else "".join(piece._pieces()) + " "


class Tree(HTMLParser):
    """A page as elements; a tag that is not closed in its order is an error."""

    def __init__(self, page):
        super().__init__()
        self.root = self.here = Element("", {}, None)
        self.feed(page)
        assert self.here is self.root

    def handle_starttag(self, tag, attrs):
        element = Element(tag, dict(attrs), self.here)
        self.here.children.append(element)
        self.here.words.append(element)
        if tag not in VOID:
            self.here = element

    def handle_startendtag(self, tag, attrs):
        self.here.children.append(Element(tag, dict(attrs), self.here))

    def handle_endtag(self, tag):
        assert self.here.tag == tag, f"<{self.here.tag}> is closed by </{tag}>"
        self.here = self.here.parent

    def handle_data(self, data):
        self.here.words.append(data)


def nothing_relied_on(*_, **__):
    return Reliance(about="all answers", n=0, method="", metric="accuracy", items=())


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    monkeypatch.setattr(_facts, "rely", nothing_relied_on)


@pytest.fixture(scope="module")
def page():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_facts, "rely", lambda *_, **__: RELIANCE)
        return report(
            flowers(), some_flowers(), source="test/", command="pellucid report a.pellucid"
        )


@pytest.fixture(scope="module")
def tree(page):
    return Tree(page).root


def section(root, name):
    (found,) = [each for each in root.all("section") if each.attributes["id"] == name]
    return found


def told(model, data=None, **asked):
    return Tree(report(model, data, **asked)).root


def facts(model, data=None, *, seconds=None):
    return gather(model, data, Asked(source="", command="", seconds=seconds))


def test_every_section_is_there_in_order_and_in_the_contents(tree):
    (contents,) = tree.all("nav")

    assert [each.attributes["id"] for each in tree.all("section")] == SECTIONS
    assert [a.attributes["href"] for a in contents.all("a")] == [f"#{name}" for name in SECTIONS]


def test_headings_never_skip_a_level(tree):
    levels = [int(each.tag[1]) for each in tree.all("h1", "h2", "h3", "h4")]

    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in itertools.pairwise(levels))


def test_there_is_one_landmark_of_each_sort_and_a_way_past_them(tree):
    (skip,) = [a for a in tree.all("a") if a.attributes.get("class") == "skip"]
    ids = {each.attributes.get("id") for each in tree.all("section")}

    for landmark in ("header", "nav", "main", "footer"):
        assert len(list(tree.all(landmark))) == 1
    assert skip.attributes["href"].removeprefix("#") in ids


def test_no_two_elements_have_one_name(tree):
    names = [e.attributes["id"] for e in everything(tree) if "id" in e.attributes]

    assert len(names) == len(set(names))


def test_whatever_is_labelled_by_another_element_finds_it(tree):
    names = {each.attributes.get("id") for each in everything(tree)}
    wanted = [e.attributes.get("aria-labelledby") for e in everything(tree)]

    assert {name for name in wanted if name} <= names


def test_tables_have_captions_and_heads_that_say_what_they_are_heads_of(tree):
    tables = list(tree.all("table"))

    assert len(tables) > 10
    for each in tables:
        (caption,) = each.all("caption")
        assert caption.text
        assert {th.attributes["scope"] for th in each.all("th")} == {"col", "row"}


def test_tables_can_be_moved_sideways_by_keyboard(tree):
    regions = [each.parent for each in tree.all("table")]

    assert {region.attributes["role"] for region in regions} == {"region"}
    assert {region.attributes["tabindex"] for region in regions} == {"0"}
    assert all("aria-labelledby" in region.attributes for region in regions)


def test_figures_and_pictures_say_what_they_show(tree):
    figures = [each for each in tree.all("svg") if each.attributes.get("role") == "img"]

    assert len(figures) == 5
    for each in figures:
        assert next(each.all("title")).text
        assert next(each.all("desc")).text
    assert all(each.attributes["alt"] for each in tree.all("img"))
    assert len(list(tree.all("img"))) == 7


def test_nothing_can_be_run_or_fetched(page, tree):
    addresses = [
        e.attributes[name]
        for e in everything(tree)
        for name in ("src", "href")
        if name in e.attributes
    ]

    assert all(each.startswith(("#", "data:image/png;base64,")) for each in addresses)
    assert not re.search(r"url\(|@import|https?:|<script|<link| on[a-z]+=", page)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in page


def test_markup_in_names_of_classes_files_and_parts_stays_words(page, tree):
    assert "<script>alert" not in page
    assert "<i>" not in page
    assert "<u>" not in page
    assert CLASSES[2] in section(tree, "confusion").text
    assert "garden/<u>x</u>.jpg" in section(tree, "data").text
    assert "the <i>rim</i>" in section(tree, "reliance").text
    assert "the <b>middle</b>" in section(tree, "mistakes").text


def test_the_verdict_sets_the_score_beside_the_guess():
    y = some_flowers(wrong=0.0).targets
    lines = verdict(facts(flowers(), some_flowers(wrong=0.0)), [])
    accuracy = re.match(r"Accuracy ([\d.]+) \(95 % interval ([\d.]+) to ([\d.]+)\)", lines[0].text)

    guess = float(np.mean(y == CLASSES[0]))
    assert f"a guess that does not look scores {guess:.4f}" in lines[0].text
    assert float(accuracy[2]) <= float(accuracy[1]) <= float(accuracy[3])
    assert lines[0].tone == "good"


def test_a_model_that_gives_one_answer_to_everything_is_found_out():
    found = facts(flowers(slope=0.0), some_flowers())
    caveats = limits(found)
    lines = verdict(found, caveats)

    assert lines[0].tone == "bad"
    assert "not worse beyond chance" not in lines[1].text
    assert lines[3].text == (
        "The answers are degenerate: the network answers 'rose' to all 400 held-out examples."
    )
    assert any("is not better than a guess" in caveat.text for caveat in caveats)


def test_a_suspicious_reason_is_the_biggest_warning_of_a_model_that_is_good(tree):
    warning = section(tree, "verdict").text

    assert "It may rely on what it should not: the <i>rim</i> for rose" in warning
    assert "Suspicious: the <i>rim</i> for rose" in section(tree, "reliance").text
    assert "0.9500 0.4000" in section(tree, "reliance").text


def test_one_explanation_is_not_taken_for_what_a_model_relies_on(monkeypatch):
    monkeypatch.setattr(_facts, "rely", lambda *_, **__: replace(RELIANCE, n=1))

    shown = section(told(flowers(), some_flowers()), "reliance")

    assert "1 example explained: too few" in shown.text
    assert not list(shown.all("table"))


def test_without_examples_every_section_that_needs_them_says_so():
    root = told(flowers(record={}))

    for name in ("calibration", "confusion", "mistakes", "reliance", "groups", "suspects"):
        assert "no examples with known answers were given" in section(root, name).text
    assert "no record" in section(root, "curve").text
    assert "no record" in section(told(prices()), "data").text
    assert "never scored" in section(root, "verdict").text


def test_a_model_with_nothing_but_its_network_gets_a_report():
    root = told(prices(trust={}))

    assert [each.attributes["id"] for each in root.all("section")] == [
        name for name in SECTIONS if name != "confusion"
    ]


def test_what_was_held_out_speaks_where_nothing_is_given():
    root = told(flowers())

    assert "Accuracy 0.9340 (95 % interval 0.9210 to 0.9450)" in section(root, "verdict").text
    assert "on 1,500 examples of what was held out" in section(root, "verdict").text


def stored_cases(count=120):
    given = some_flowers(count)
    places = [CLASSES.index(name) for name in given.targets]
    return SimpleNamespace(held=given.raw, held_y=torch.tensor(places), held_names=given.names)


def test_stored_examples_are_used_where_none_are_given():
    root = told(flowers(cases=stored_cases()))

    assert "120 held-out ones that are stored" in section(root, "data").text
    assert "garden/<i>" in section(root, "mistakes").text
    assert list(section(root, "confusion").all("table"))


def test_it_is_said_when_stored_examples_were_taught_to_other_members():
    built = {"network": "linear", "size": 1, "members": 3}

    root = told(flowers(cases=stored_cases(), built=built))

    assert "flatters the model" in section(root, "data").text


def test_examples_without_targets_are_left_out_and_said():
    given = some_flowers(60)
    given.targets[:10] = None

    root = told(flowers(), given)

    assert "10 examples without a target" in section(root, "data").text
    assert "50 examples" in section(root, "asked").text


def test_examples_that_do_not_say_what_is_right_are_refused():
    with pytest.raises(BadInputError, match="the target 'flower' of each example"):
        report(flowers(), some_flowers(50).replace(targets=None))


def test_numbers_are_drawn_against_the_truth_and_not_as_classes():
    root = told(prices(), some_prices())

    assert "True against predicted price" in section(root, "calibration").text
    assert "confusion" not in [each.attributes["id"] for each in root.all("section")]
    assert "largest errors among 300 examples" in section(root, "mistakes").text


def test_the_surest_mistakes_come_first():
    given = some_flowers(100, wrong=0.0)
    given.raw[:] = np.eye(3, dtype=np.float32)[[CLASSES.index(name) for name in given.targets]]
    given.raw[7] = 9 * (1 - given.raw[7])
    given.raw[40] = 2 * (1 - given.raw[40])

    found = facts(flowers(), given)

    assert found.wrong == 2
    assert [each.explanation.name for each in found.mistakes] == [given.names[7], given.names[40]]


def test_a_model_that_is_always_right_has_no_mistakes_to_show():
    given = some_flowers(100, wrong=0.0)
    given.raw[:] = np.eye(3, dtype=np.float32)[[CLASSES.index(name) for name in given.targets]]

    assert (
        "All 100 examples were answered rightly" in section(told(flowers(), given), "mistakes").text
    )


class Slow(Told):
    def explain(self, examples, place):
        time.sleep(0.1)
        return super().explain(examples, place)


def test_explaining_ends_with_its_time_but_one_mistake_is_explained():
    found = facts(flowers(why=Slow()), some_flowers(), seconds=0.1)

    assert len(found.mistakes) == 1
    assert found.typical == ()


def test_the_share_of_reliable_explanations_is_of_examples_at_random_where_there_is_time():
    found = facts(flowers(why=Told(reliable=False)), some_flowers(), seconds=5.0)

    assert len(found.typical) == 30
    assert verdict(found, [])[2].text.startswith("0% of explanations are reliable, of 30 examples")
    assert any("do not act on the others" in caveat.text for caveat in limits(found))


def test_without_time_for_a_share_the_measured_faithfulness_speaks():
    found = facts(flowers(why=Slow()), some_flowers(), seconds=0.1)

    assert verdict(found, [])[2].text.startswith("Faithfulness 0.4400 (95 % interval 0.3900 to")


def test_explanations_that_are_no_better_than_chance_are_a_limit():
    scores = {"shapley": {"value": 0.1, "low": -0.05, "high": 0.2, "seconds": None}}

    found = facts(flowers(trust={"method": "shapley", "scores": scores}))

    assert any("did not show that they are better than" in caveat.text for caveat in limits(found))


class Lost(Told):
    def explain(self, examples, place):
        raise BadInputError(given="no explainer suits", needed="one", remedy="ask for another")


def test_a_model_that_cannot_be_explained_gets_its_report_and_the_reason():
    root = told(flowers(why=Lost()), some_flowers())

    assert "They could not be explained: no explainer suits" in section(root, "mistakes").text


def test_more_examples_than_there_is_time_for_are_sampled_and_it_is_said(monkeypatch):
    from pellucid.reporting import _sample

    monkeypatch.setattr(_sample, "_ALWAYS", 0.0)
    monkeypatch.setattr(_sample, "_SHARE", 0.0)

    found = facts(flowers(), some_flowers(1500))

    assert len(found.sample) == 1000
    assert "1,000 of 1,500 examples, drawn at random" in found.sample.notes[0]


def test_a_class_learned_from_few_examples_is_a_limit():
    record = a_record()
    record["summary"]["n_train"] = 100

    texts = [caveat.text for caveat in limits(facts(flowers(record=record)))]

    assert f"It has learned from fewer than 30 examples of {CLASSES[2]} (10)." in texts


def test_a_run_that_was_too_short_for_its_network_is_a_limit():
    record = a_record()
    record["summary"]["passes"] = 2.0

    texts = [caveat.text for caveat in limits(facts(flowers(record=record)))]

    assert any(
        "saw every example 2 times; a network like this wants 9.03" in text for text in texts
    )


def test_scores_that_fell_since_training_are_a_limit():
    texts = [caveat.text for caveat in limits(facts(flowers(), some_flowers(wrong=0.4)))]

    assert any("It does worse on the data given" in text for text in texts)


def test_weak_groups_are_named_with_their_scores():
    group = Group(name="work", value="craft", n=40, score=Estimate(value=0.5), whole=0.9)
    known = Facts(model=flowers(), asked=Asked(source="", command="", seconds=None))

    texts = [caveat.text for caveat in limits(replace(known, groups=[group]))]

    assert (
        "It is clearly weaker for some than for all (accuracy 0.9000): work = craft (0.5000)."
        in texts
    )


@pytest.mark.parametrize(
    ("low", "high", "ticks"),
    [
        (0.0, 1.0, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.0, 60.0, [0, 10, 20, 30, 40, 50, 60]),
        (0.47, 0.97, [0.5, 0.6, 0.7, 0.8, 0.9]),
        (-3.1, 5.9, [-2, 0, 2, 4]),
    ],
)
def test_ticks_are_round_numbers_on_the_axis(low, high, ticks):
    assert Axis(label="", low=low, high=high).ticks() == ticks


def test_places_on_an_axis_are_in_percent_and_stay_on_it():
    axis = Axis(label="", low=10.0, high=20.0)

    assert [axis.percent(value) for value in (5, 10, 12.5, 20, 99)] == [0, 0, 25, 100, 100]


def test_a_curve_without_points_is_no_figure():
    assert _figures.score_curve({}) is None
    assert _figures.loss_curve({"seconds": [1.0], "loss": [float("nan")]}) is None


@pytest.mark.parametrize(
    ("picture", "start"),
    [
        (b"\x89PNG\r\n\x1a\n...", "data:image/png;base64,"),
        (b"\xff\xd8\xff\xe0...", "data:image/jpeg;base64,"),
        (b"<svg onload=alert(1)>", ""),
        (b"", ""),
    ],
)
def test_only_png_and_jpeg_become_pictures(picture, start):
    uri = data_uri(picture)

    assert uri.startswith(start)
    assert bool(uri) is bool(start)


def everything(element):
    for child in element.children:
        yield child
        yield from everything(child)


def colours(scheme):
    """The colours of a scheme, name → (red, green, blue) from 0 to 1."""
    style = files("pellucid.reporting").joinpath("page.css").read_text(encoding="utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    body = blocks[("light", "dark", "print").index(scheme)]
    found = re.findall(r"--([a-z]+): #([0-9a-f]{6})", body)
    return {
        name: tuple(int(code[at : at + 2], 16) / 255 for at in (0, 2, 4)) for name, code in found
    }


def contrast(one, other):
    """WCAG 2.2: the ratio of relative luminances."""

    def luminance(colour):
        parts = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
        return float(np.dot(parts, (0.2126, 0.7152, 0.0722)))

    high, low = sorted([luminance(one), luminance(other)], reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
@pytest.mark.parametrize("ground", ["paper", "panel"])
def test_words_stand_out_from_their_ground(scheme, ground):
    known = colours(scheme)

    for name in ("ink", "soft", "link", "good", "bad"):
        assert contrast(known[name], known[ground]) >= 4.5, name
    for name in ("accent", "for", "against"):  # what is drawn
        assert contrast(known[name], known[ground]) >= 3, name


@pytest.mark.parametrize("scheme", ["light", "dark", "print"])
@pytest.mark.parametrize(("hue", "most"), [("accent", 0.42), ("for", 0.48)])
def test_words_stand_out_from_the_darkest_cell(scheme, hue, most):
    known = colours(scheme)
    ground = tuple(
        most * a + (1 - most) * b for a, b in zip(known[hue], known["panel"], strict=True)
    )

    assert contrast(known["ink"], ground) >= 4.5


def browse(folder, page, *options):
    """Open a page in a browser that reaches nothing, and give what it prints."""
    path = folder / "page.html"
    path.write_text(page, encoding="utf-8")
    quiet = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
    alone = ["--host-resolver-rules=MAP * ~NOTFOUND", f"--user-data-dir={folder / 'profile'}"]
    ran = subprocess.run(
        [CHROMIUM, *quiet, *alone, *options, path.as_uri()],
        capture_output=True,
        timeout=120,
        check=True,
    )
    return ran.stdout.decode()


def asked_by_files(log):
    """The addresses that pages from files asked for; a browser asks for others by itself."""
    return set(re.findall(r'_dk_file:// file:// ([^" ]+)"', log.read_text()))


@needs_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_draws_it(tmp_path, page, scheme):
    options = [f"--screenshot={tmp_path / 'shot.png'}", "--window-size=1000,1600"]
    dark = ["--blink-settings=preferredColorScheme=0"] if scheme == "dark" else []

    browse(tmp_path, page, *options, *dark)

    shot = np.asarray(Image.open(tmp_path / "shot.png").convert("L"))
    assert (shot[-1, -1] < 60) == (scheme == "dark")
    assert shot.std() > 10
    assert len(np.unique(shot)) > 50


@needs_browser
def test_a_browser_finds_every_section_and_asks_for_nothing(tmp_path, page):
    log = tmp_path / "net.json"
    fetching = '<!doctype html><p>A page<img src="http://elsewhere.invalid/x.png">'

    dom = browse(tmp_path, page, "--dump-dom", f"--log-net-log={log}")
    asked = asked_by_files(log)
    browse(tmp_path, fetching, "--dump-dom", f"--log-net-log={log}")

    assert all(f'id="{name}"' in dom for name in SECTIONS)
    assert asked == set()
    assert asked_by_files(log) == {"http://elsewhere.invalid/x.png"}


@needs_browser
@pytest.mark.parametrize("width", [360, 768, 1200])
def test_the_page_never_has_to_be_moved_sideways(tmp_path, page, width):
    bare = re.sub(r'<meta http-equiv="Content-Security-Policy"[^>]*>', "", page)
    inside = json.dumps(bare).replace("</", "<\\/")
    frame = f"""<!doctype html><body style="margin:0"><iframe width="{width}" height="800"></iframe>
    <p id="found"></p><script>
    const frame = document.querySelector("iframe");
    frame.onload = () => {{ document.querySelector("#found").textContent =
      "wide " + frame.contentDocument.documentElement.scrollWidth; }};
    frame.srcdoc = {inside};
    </script>"""

    dom = browse(tmp_path, frame, "--dump-dom", "--virtual-time-budget=3000")

    assert f'<p id="found">wide {width}</p>' in dom
