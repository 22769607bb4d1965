# The serial line is the console, and nothing else talks on it: the host reads the kernel's words there.
{
  boot.kernelParams = [ "console=ttyS0" ];
  boot.consoleLogLevel = 7;
  systemd.services."serial-getty@ttyS0".enable = false;
  systemd.services."getty@tty1".enable = false;
  systemd.services."autovt@tty1".enable = false;
  services.journald.extraConfig = ''
    Storage=volatile
    RuntimeMaxUse=16M
    ForwardToConsole=no
  '';
}
