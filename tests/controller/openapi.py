# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds answers against an OpenAPI 3 description, as far as ours goes, and strictly: what is not
described is an error."""

TYPES = {"object": dict, "array": list, "string": str, "boolean": bool, "integer": int, "number": (int, float)}


class Description:
    def __init__(self, document):
        self.document = document

    def resolve(self, schema):
        while "$ref" in schema:
            target = self.document
            for step in schema["$ref"].split("/")[1:]:
                target = target[step]
            schema = target
        return schema

    def operation(self, method, path):
        """The description of what was asked for, or None."""
        segments = path.split("?")[0].split("/")
        for pattern in sorted(self.document["paths"]):  # words come before parameters
            words = pattern.split("/")
            if len(words) == len(segments) and all(
                    w.startswith("{") or w == s for w, s in zip(words, segments)):
                return self.document["paths"][pattern].get("get" if method == "HEAD" else method.lower())
        return None

    def check_answer(self, method, path, status, body):
        """body: the parsed answer. Says what is wrong with it, or nothing."""
        operation = self.operation(method, path)
        if operation is None:
            return [] if status == 404 else ["%s %s is not described" % (method, path)]
        response = operation["responses"].get(str(status))
        if response is None:
            return ["%s %s: status %d is not described" % (method, path, status)]
        content = self.resolve(response)["content"]
        if "application/json" not in content:
            return []
        return list(self.check(content["application/json"]["schema"], body, "body"))

    def check(self, schema, value, where):
        schema = self.resolve(schema)
        if value is None and schema.get("nullable"):
            return
        if "oneOf" in schema:
            if not any(not list(self.check(one, value, where)) for one in schema["oneOf"]):
                yield where + ": fits none of oneOf"
            return
        kind = schema.get("type")
        if kind and (not isinstance(value, TYPES[kind]) or isinstance(value, bool) != (kind == "boolean")):
            yield "%s: %s expected, not %r" % (where, kind, value)
            return
        if "enum" in schema and value not in schema["enum"]:
            yield "%s: %r is none of %r" % (where, value, schema["enum"])
        if kind in ("integer", "number") and not (
                schema.get("minimum", value) <= value <= schema.get("maximum", value)):
            yield "%s: %r is out of bounds" % (where, value)
        if kind == "array":
            if not schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value)):
                yield "%s: %d items" % (where, len(value))
            for i, item in enumerate(value):
                yield from self.check(schema["items"], item, "%s[%d]" % (where, i))
        if kind == "object":
            known = schema.get("properties", {})
            for name in schema.get("required", []):
                if name not in value:
                    yield "%s: no %s" % (where, name)
            for name, member in value.items():
                if name in known:
                    yield from self.check(known[name], member, where + "." + name)
                elif "additionalProperties" in schema:
                    yield from self.check(schema["additionalProperties"], member, where + "." + name)
                elif known:
                    yield "%s.%s: not described" % (where, name)
