#!/bin/bash
set -e
echo users made
