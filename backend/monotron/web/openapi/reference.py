"""The operations of the OpenAPI document, for `/api` and docs/api.md. Pure: no I/O."""

import json
from collections.abc import Iterator

from monotron.web.openapi.parts import Body, CommonProblem, Member, Operation, Parameter, Problem
from monotron.web.openapi.schemas import Json, Schemas, name_of, quoted, values_of

METHODS = ("get", "put", "post", "patch", "delete")

JSON_TYPE, PROBLEM_TYPE = "application/json", "application/problem+json"


class Reference:
    """What a document describes."""

    def __init__(self, document: Json) -> None:
        self._document = document
        self.schemas = Schemas(document)
        self._common = {
            code: text
            for group in document["x-common-errors"].values()
            for code, text in group["codes"].items()
        }

    @property
    def introduction(self) -> str:
        """What applies to all operations."""
        return str(self._document["info"]["description"]).strip()

    @property
    def tags(self) -> dict[str, str]:
        """The names and the descriptions of the groups of operations, in order."""
        return {tag["name"]: tag["description"] for tag in self._document["tags"]}

    def operations(self) -> Iterator[Operation]:
        """Yield the operations. Those with and without an account in the path are one."""
        account_paths = {
            operation["x-account-form-of"]: path
            for path, _, operation in self._all()
            if "x-account-form-of" in operation
        }
        for path, method, operation in self._all():
            if "x-account-form-of" not in operation:
                account_path = account_paths.get(operation["operationId"])
                yield self._operation(path, method, operation, account_path)

    def common_problems(self) -> list[CommonProblem]:
        """Return the errors that many operations can return, ordered by status."""
        statuses = {
            problem.code: problem.status
            for _, _, operation in self._all()
            for problem in self._problems(operation)
        }
        rows = [
            CommonProblem(Problem(statuses[code], code, text), group["for"])
            for group in self._document["x-common-errors"].values()
            for code, text in group["codes"].items()
        ]
        return sorted(rows, key=lambda row: row.problem.status)

    def objects(self) -> dict[str, tuple[Member, ...]]:
        """Return the members of each object in responses, by its name."""
        responses = {operation.response.object for operation in self.operations()}
        return self.schemas.objects({name for name in (*responses, "Problem") if name})

    def _all(self) -> Iterator[tuple[str, str, Json]]:
        """Yield path, method and operation, in the order of the document."""
        for path, item in self._document["paths"].items():
            for method in item:
                if method in METHODS:
                    yield path, method, item[method]

    def _operation(
        self, path: str, method: str, operation: Json, account_path: str | None
    ) -> Operation:
        success = next(status for status in operation["responses"] if status.startswith("2"))
        request = operation.get("requestBody")
        return Operation(
            operation["operationId"],
            method.upper(),
            path,
            account_path,
            operation["tags"][0],
            operation["summary"],
            operation.get("description", "").strip(),
            _requires(operation),
            tuple(self._parameters(self._document["paths"][path], operation)),
            None if request is None else self._body(request),
            self._body(operation["responses"][success]),
            tuple(
                problem
                for problem in self._problems(operation)
                if self._common.get(problem.code) != problem.when
            ),
        )

    def _parameters(self, item: Json, operation: Json) -> Iterator[Parameter]:
        for each in (*item["parameters"], *operation.get("parameters", ())):
            parameter = self.schemas.resolved(each)
            if parameter["name"] == "X-Request-Id":  # every request may have this header
                continue
            schema = self.schemas.resolved(parameter["schema"])
            default = schema.get("default", "")
            yield Parameter(
                parameter["name"],
                parameter["in"],
                values_of(schema),
                json.dumps(default) if isinstance(default, bool) else str(default),
                " ".join(parameter["description"].split()),
            )

    def _problems(self, operation: Json) -> Iterator[Problem]:
        for status, response in operation["responses"].items():
            content = self.schemas.resolved(response).get("content", {})
            if PROBLEM_TYPE in content:
                for code in content[PROBLEM_TYPE]["schema"]["properties"]["code"]["oneOf"]:
                    yield Problem(int(status), code["const"], code["description"])

    def _body(self, body: Json) -> Body:
        content = body.get("content", {})
        media: Json = content.get(JSON_TYPE) or next(iter(content.values()), {})
        name = name_of(media.get("schema", {}))
        members = () if name is None else self.schemas.members(name)
        return Body(
            body.get("description", "").strip(),
            tuple(content),
            name if members else None,
            members,
            self._example(media),
        )

    def _example(self, media: Json) -> str:
        for each in media.get("examples", {}).values():
            value = self.schemas.resolved(each)["value"]
            return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return ""


def _requires(operation: Json) -> str:
    scope = operation.get("x-required-scope")
    if scope is None:
        return "nothing"
    required = quoted(scope) if ":" in scope else scope.replace("root", "the root")
    if "x-also-required-scope" in operation:
        required += f" and {quoted(operation['x-also-required-scope'])}"
    return f"nothing, or {required}" if {} in operation["security"] else required
