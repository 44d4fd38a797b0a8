# CMakeLists.txt describes the build; this only lets node-gyp and prebuildify call it.
{
  "targets": [
    {
      "target_name": "videoclip",
      "type": "none",
      "actions": [
        {
          "action_name": "cmake",
          "inputs": ["CMakeLists.txt"],
          "outputs": ["build/Release/videoclip.node"],
          "action": ["node", "scripts/build.mjs", "--native"]
        }
      ]
    }
  ]
}
