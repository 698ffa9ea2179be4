# SPDX-License-Identifier: Apache-2.0
"""What may be asked, as the programs that are tested have it: schemas/capability_list.h, by `ezrepoctl capabilities`."""
import json
import os
import subprocess

from conftest import find_build

DECLARED = json.loads(subprocess.run([os.path.join(find_build(), "ctl", "ezrepoctl"), "capabilities"], capture_output=True,
                                     check=True).stdout)

# The elements of the dimensions.
DIMENSIONS = [dimension["element"] for dimension in DECLARED["dimensions"]]

# Every capability by its label: its verb, parameters and columns, in the order of /capabilities.
TABLE = {c["label"]: (c["verb"], c["parameters"], c["columns"]) for c in DECLARED["capabilities"]}
