"""Dependency audit: known holes in what is installed, by pip-audit; run by CI and by ``make audit``.

The advisories are at pypi.org. Where that cannot be reached the audit says so and ends well, unless RACETWIN_AUDIT_REQUIRED is
set: a machine that is meant to reach it must not pass because it did not.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

UNREACHABLE = (
    "ConnectionError",
    "Max retries exceeded",
    "Failed to resolve",
    "timed out",
    "ServiceError",
    "ProxyError",
)
WITHIN_S = 300


def main() -> int:
    command = [sys.executable, "-m", "pip_audit", "--local", "--skip-editable", "--format", "json"]
    command += ["--progress-spinner", "off", "--timeout", "10"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=WITHIN_S, stdin=subprocess.DEVNULL)
    except subprocess.TimeoutExpired:
        return skipped("timed out")
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except ValueError:
        reason = next((word for word in UNREACHABLE if word in done.stderr), None)
        if reason is not None:
            return skipped(reason)
        print(done.stderr.strip())
        return 1
    audited = [d for d in dependencies if "vulns" in d and "skip_reason" not in d]
    if not audited:  # a mirror that has packages but no advisories
        return skipped("it knows none of what is installed: a mirror without advisories?")
    holes = [(d["name"], d["version"], v) for d in audited for v in d["vulns"]]
    for name, version, hole in holes:
        print(f"{name} {version}: {hole['id']}, fixed in {', '.join(hole['fix_versions']) or 'no version yet'}")
    print(f"audit: {len(audited)} of {len(dependencies)} packages looked up, {len(holes)} known holes")
    return 1 if holes else 0


def skipped(reason: str) -> int:
    print(f"audit: SKIPPED: the advisories at pypi.org cannot be had from here ({reason})")
    return 1 if os.environ.get("RACETWIN_AUDIT_REQUIRED") else 0


if __name__ == "__main__":
    sys.exit(main())
