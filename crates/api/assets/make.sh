#!/bin/sh
# Brings the scripts and styles of the documentation pages from npm, checks that they are what they were, and compresses them.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -r "$work"' EXIT

fetch() { # package version sha256
    (cd "$work" && npm pack --silent "$1@$2")
    echo "$3  $work/$1-$2.tgz" | sha256sum --check --quiet
    mkdir "$work/$1"
    tar xzf "$work/$1-$2.tgz" -C "$work/$1" --strip-components=1
}

fetch swagger-ui-dist 5.35.0 1b8e891893404ea4c3558b6a87e2a3e494e7eedba41168c2ece5800a391a6ea6
for file in swagger-ui-bundle.js swagger-ui.css; do
    gzip -9nc "$work/swagger-ui-dist/$file" >"$file.gz"
done
cp "$work/swagger-ui-dist/LICENSE" swagger-ui.LICENSE
cat "$work/swagger-ui-dist/NOTICE" "$work/swagger-ui-dist/swagger-ui-bundle.js.LICENSE.txt" >swagger-ui.NOTICE

fetch redoc 2.5.4 44922df4d0eb45c1b066c09ec251e6bd9bd7ded16bc69e87613337b9d911a56e
# Its logo would be asked of another host; nothing comes in its place.
sed 's#https://cdn.redoc.ly/redoc/logo-mini.svg#data:,#g' "$work/redoc/bundles/redoc.standalone.js" | gzip -9nc >redoc.standalone.js.gz
cp "$work/redoc/LICENSE" redoc.LICENSE
cp "$work/redoc/bundles/redoc.standalone.js.LICENSE.txt" redoc.NOTICE
