"""CI systems as docs/ci/README.md describes them: their variables, shells, and forms of a step."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from docs.test_drift import section

ROOT = Path(__file__).parents[2]
SCRIPT = ROOT / "docs" / "ci" / "monotron.sh"
PAGE = (ROOT / "docs" / "ci" / "README.md").read_text()

PUBLISH = './publish.sh "$VERSION"'
PUBLISH_FILE = './publish.sh "$(cat version.txt)"'

SCRIPT_KEYS = {"bash", "before_install", "command", "commands", "run", "script", "sh"}
"""The YAML members that contain shell lines."""

IF_RELEASED = "and(succeeded(), ne(variables.VERSION, ''))"


class Step(NamedTuple):
    """A shell script of a step, and whether it runs only if there is a version."""

    script: str
    if_released: bool = False


Steps = Callable[[str], list[Step]]


def blocks(heading: str) -> list[str]:
    """The code blocks of a section, without its subsections."""
    text = section(PAGE, heading)
    return re.findall(r"^```\w+\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def _in_yaml(node: Any) -> Iterator[Step]:
    if isinstance(node, list):
        for each in node:
            yield from _in_yaml(each)
    elif isinstance(node, dict):
        condition = node.get("condition")
        assert condition in (None, IF_RELEASED), condition
        for name, value in node.items():
            lines = value if isinstance(value, list) else [value]
            if name in SCRIPT_KEYS and all(isinstance(line, str) for line in lines):
                yield Step("\n".join(lines), condition is not None)
            else:
                yield from _in_yaml(value)


def from_yaml(text: str) -> list[Step]:
    return list(_in_yaml(yaml.safe_load(text)))


def from_container_yaml(text: str) -> list[Step]:
    assert "${" not in text, "Woodpecker and Drone substitute these in the YAML"
    return from_yaml(text)


def in_one_session(text: str) -> list[Step]:
    return [Step("\n".join(step.script for step in from_yaml(text)))]


def from_buildkite(text: str) -> list[Step]:
    single = re.search(r"(?<!\$)(\$\$)*\$(?!\$)", text)
    assert not single, "Buildkite interpolates a single $ during the upload"
    return from_yaml(text.replace("$$", "$"))


def from_groovy(text: str) -> list[Step]:
    """Groovy joins lines with a backslash at the end within '''."""
    steps = []
    strings = re.compile(r"(?s)(if \(env\.VERSION\) \{ )?(?:sh |script: )(?:'''(.*?)'''|'(.*?)')")
    for condition, long, short in strings.findall(text):
        script = (long or short).replace("\\\n", "")
        assert "\\" not in script, "Groovy would interpret the backslash"
        steps.append(Step(script, bool(condition)))
    return steps


def from_make(text: str) -> list[Step]:
    target = text.partition(":")[0]
    return [Step(f"cat >Makefile <<'END'\n{text}END\nmake -s {target}")]


def from_teamcity(text: str) -> list[Step]:
    """TeamCity replaces %parameters%. Here they become variables."""
    replaced = re.sub(r"%([\w.]+)%", lambda match: f"${match[1].replace('.', '_').upper()}", text)
    assert "%" not in replaced, "TeamCity reads % as the start of a parameter"
    return [Step(replaced)]


class System(NamedTuple):
    """How a CI system runs the shell lines of a recipe."""

    shell: Sequence[str]
    steps: Steps
    variables: Mapping[str, str]
    """What it sets: COMMIT is replaced by the commit, RUN by a number of the run."""
    publish: str = PUBLISH
    """What a later step does with the version of the three lines."""
    reads_output: bool = False
    """Whether the output of a step is the version."""


UUID = "6f2d9c1e-0b1a-4c55-9d0e-00000000000RUN"
BASH = ("bash", "-e", "-c")
NO_ERREXIT = ("bash", "-c")
SH = ("sh", "-e", "-c")

SYSTEMS: Mapping[str, System] = {
    "Make": System(("sh", "-c"), from_make, {}, reads_output=True),
    "Jenkins": System(
        ("sh", "-xe", "-c"),
        from_groovy,
        {"GIT_COMMIT": "COMMIT", "BUILD_TAG": "jenkins-acme-my shop-feature%2Fx-RUN"},
        reads_output=True,
    ),
    "CircleCI": System(
        ("bash", "-eo", "pipefail", "-c"),
        from_yaml,
        {"CIRCLE_SHA1": "COMMIT", "CIRCLE_PIPELINE_ID": UUID},
    ),
    "Azure Pipelines": System(
        NO_ERREXIT, from_yaml, {"BUILD_SOURCEVERSION": "COMMIT", "BUILD_BUILDID": "RUN"}
    ),
    "Bitbucket": System(
        SH,
        from_yaml,
        {"BITBUCKET_COMMIT": "COMMIT", "BITBUCKET_BUILD_NUMBER": "RUN"},
        PUBLISH_FILE,
    ),
    "Buildkite": System(
        BASH,
        from_buildkite,
        {"BUILDKITE_COMMIT": "HEAD", "BUILDKITE_BUILD_ID": UUID},
        PUBLISH_FILE,
    ),
    "Woodpecker": System(
        SH,
        from_container_yaml,
        {"CI_COMMIT_SHA": "COMMIT", "CI_PIPELINE_NUMBER": "RUN"},
        PUBLISH_FILE,
    ),
    "Drone": System(
        SH,
        from_container_yaml,
        {"DRONE_COMMIT_SHA": "COMMIT", "DRONE_BUILD_NUMBER": "RUN"},
        PUBLISH_FILE,
    ),
    "TeamCity": System(
        ("sh", "-c"), from_teamcity, {"BUILD_VCS_NUMBER": "COMMIT", "TEAMCITY_BUILD_ID": "RUN"}
    ),
    "Travis CI": System(
        NO_ERREXIT,
        in_one_session,
        {
            "TRAVIS_COMMIT": "COMMIT",
            "TRAVIS_PULL_REQUEST_SHA": "COMMIT",
            "TRAVIS_BUILD_ID": "RUN",
        },
    ),
    "AppVeyor": System(
        NO_ERREXIT,
        from_yaml,
        {
            "APPVEYOR_REPO_COMMIT": "COMMIT",
            "APPVEYOR_PULL_REQUEST_HEAD_COMMIT": "COMMIT",
            "APPVEYOR_BUILD_ID": "RUN",
        },
    ),
}


def three_lines(name: str) -> list[Step]:
    """The steps of the three-line form, and a later one that uses its version."""
    system = SYSTEMS[name]
    steps = system.steps(blocks(f"## {name}")[0])
    if system.steps is in_one_session:
        return [Step(f"{steps[0].script}\nsh -c '{system.publish}'")]
    return [*steps, Step(system.publish)]


def with_script(name: str) -> list[Step]:
    """The steps of the form with the script, which also publish."""
    return SYSTEMS[name].steps(blocks(f"## {name}")[1])


FORMS: Mapping[str, Callable[[str], list[Step]]] = {
    "three lines": three_lines,
    "script": with_script,
}
