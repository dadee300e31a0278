#!/bin/sh
echo "db.getSiblingDB('unifi').createUser({user: 'unifi'})"
