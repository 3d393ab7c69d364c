#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""lines.py SCHEMA FILE...: is every line of the files what the schema says? Stricter than the schema itself, which lets members pass that it does not
know: here each member has to stand in it, and type and time come first. Prints what is wrong, and at the end the types that were seen. Exit 1: wrong."""
import copy
import json
import sys

try:
    import jsonschema
except ImportError:
    sys.exit(77)


def close(schema):
    """No member but those that are named."""
    if isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            schema["additionalProperties"] = False
        for part in schema.values():
            close(part)
    elif isinstance(schema, list):
        for part in schema:
            close(part)


def best(error):
    while error.context:
        error = error.context[0]
    return "%s: %s" % ("/".join(map(str, error.absolute_path)), error.message[:200])


schema = json.load(open(sys.argv[1], encoding="utf-8"))
jsonschema.Draft202012Validator.check_schema(schema)
strict = copy.deepcopy(schema)
close(strict["$defs"])
names = [name[len("line-"):] for name in strict["$defs"] if name.startswith("line-")]
check = {name: jsonschema.Draft202012Validator({"$ref": "#/$defs/line-" + name, "$defs": strict["$defs"]}) for name in names}
whole = jsonschema.Draft202012Validator(schema)
seen, wrong = {}, 0
for path in sys.argv[2:]:
    with open(path, encoding="utf-8") as lines:
        for number, text in enumerate(lines, 1):
            text = text.lstrip("\0")  # a hole: the test has emptied the file of a running program
            if not text.endswith("\n"):
                continue  # its writer was killed
            try:
                line = json.loads(text)
                kind = line.get("type")
                faults = [] if kind in check or str(kind).startswith("x-") else ["no such type: %s" % kind]
                if kind in check:
                    faults += [best(e) for e in check[kind].iter_errors(line)] + [best(e) for e in whole.iter_errors(line)]
                    if "time" in line and list(line)[:2] != ["type", "time"]:  # a user's own line passes as it was
                        faults.append("type and time do not come first")
                    seen[kind] = seen.get(kind, 0) + 1
            except ValueError as e:
                faults = ["no JSON: %s" % e]
            for fault in sorted(set(faults)):
                wrong += 1
                print("%s:%d: %s: %s" % (path, number, fault, text.strip()[:400]))
print("types: " + " ".join("%s=%d" % item for item in sorted(seen.items())))
print("never: " + " ".join(sorted(set(names) - set(seen))))
sys.exit(1 if wrong else 0)
