# SPDX-License-Identifier: Apache-2.0
"""What drives a set of EZRepo's processes: state directory, cluster, certificates, supervisord.

Python's standard library only. What speaks TLS, mPlane or UDP is the C program ezrepoctl.
"""
